"""How often an explanation names the wrong word and the right colour, and what it costs.

    python -m benchmarks.explain ../shared/catalogue

The true pairs of val_pairs.csv, and its mismatches, as the bundled model sees them. In a colour
swap the wrong word and the right colour are known; on a true pair every explanation is wrong; of
another product's text the claim is wrong where the photo's own text says that word as well, or
other colours than those named.
The pictures are split by title: the margins of `clip.explanation` were chosen on the half "chosen"
(those of kinds by `benchmarks.margins`, anew for each model), "unseen" is the other. "flagged" are
the pairs below the model's threshold: only those are ever explained. `--margins` prints what other
margins of colours would do, on the half "chosen" alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.explanation import explain, explain_finding
from moderation.clip.explanation.explain_category import place_of
from moderation.clip.explanation.explain_words import canonical_colour, terms
from moderation.clip.explanation.margins import Margins
from moderation.clip.prompts import DEFAULT_CATEGORIES, category_vectors

from . import margins as model_margins
from . import shop_vectors
from .machine import machine

KINDS = ("attribute", "hard", "random", "match")
_AT_ONCE = 16  # listings, as a worker explains them


@dataclass(frozen=True)
class Pair:
    """A listing with what is true of its photo."""

    listing: explain.EncodedListing
    kind: str
    true_text: str
    similarity: float
    half: str
    image_path: str

    @property
    def is_flagged(self) -> bool:
        return self.similarity < self.listing.threshold

    def changed(self) -> tuple[int, str] | None:
        """Of a colour swap: where the wrong word begins, and the true colour."""
        said, true = self.listing.text, self.true_text
        for term in (term for term in terms(said) if term.kind == "colour"):
            for start, end in term.spans:
                tail = len(said) - end
                same_ends = said[:start] == true[:start] and said[end:] == true[len(true) - tail :]
                if same_ends and said != true:
                    return start, canonical_colour(true[start : len(true) - tail])
        return None

    def denies(self, word: explain_finding.Word) -> bool:
        """Whether the photo's own text says the word too, or other colours than those named."""
        own = {(term.kind, term.name) for term in terms(self.true_text)}
        colours = {name for kind, name in own if kind == "colour"}
        named = set(word.looks_like)
        return (word.term.kind, word.term.name) in own or bool(
            named and colours and not named & colours
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--margins", action="store_true", help="what other margins would do")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.catalogue, margins=options.margins)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(catalogue: Path, *, margins: bool = False, sample: int | None = None) -> dict[str, Any]:
    """All figures, by half; with `margins`, those of other margins on the half "chosen"."""
    from moderation.clip.encoder import Encoder

    encoder = Encoder.load(shop_vectors.BUNDLED)
    pairs = load(catalogue, encoder, sample=sample)
    kinds = model_margins.of_model(encoder, catalogue=catalogue)
    explainer = explain.Explainer(
        encoder.encode_texts, logit_scale=encoder.logit_scale, margins=kinds
    )
    explainer.explain([pairs[0].listing])  # the prompts, once
    began, found = time.perf_counter(), []
    for start in range(0, len(pairs), _AT_ONCE):
        found += explainer.explain([pair.listing for pair in pairs[start : start + _AT_ONCE]])
    seconds = time.perf_counter() - began
    explained = list(zip(pairs, found, strict=True))
    result: dict[str, Any] = {
        "machine": machine(),
        "milliseconds_per_listing": round(1000 * seconds / len(pairs), 1),
        "texts_per_listing": round(float(np.mean([one.texts_encoded for one in found])), 1),
        "most_texts": max(one.texts_encoded for one in found),
        "kinds": kinds.as_json(),
        "categories": own_categories(catalogue, pairs, encoder, margins=kinds),
        "halves": {
            half: figures([row for row in explained if row[0].half == half])
            for half in ("chosen", "unseen")
        },
    }
    if margins:
        result["margins"] = other_margins(
            [row for row in explained if row[0].half == "chosen"], kinds
        )
    return result


def load(catalogue: Path, encoder: Any, *, sample: int | None = None) -> list[Pair]:
    """The pairs of val_pairs.csv with their vectors; the half goes by the photo's true title."""
    with (catalogue / "val_pairs.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    threshold = json.loads((shop_vectors.BUNDLED / "clipmod.json").read_text())["threshold"]
    true = {row["image_path"]: row["text"] for row in rows if row["kind"] == "match"}
    if sample is not None:
        rows = [rows[number * len(rows) // sample] for number in range(sample)]
    paths = list({row["image_path"] for row in rows})
    images = dict(
        zip(paths, encoder.encode_files([catalogue / path for path in paths]), strict=True)
    )
    texts = encoder.encode_texts([row["text"] for row in rows])
    pairs = []
    for row, text_vector in zip(rows, texts, strict=True):
        image, title = images[row["image_path"]], true[row["image_path"]]
        pairs.append(
            Pair(
                explain.EncodedListing(image, text_vector, row["text"], threshold),
                row["kind"],
                title,
                float(image @ text_vector),
                model_margins.half_of(title),
                row["image_path"],
            )
        )
    return pairs


Explained = list[tuple[Pair, explain_finding.Explained]]


def figures(explained: Explained) -> dict[str, Any]:
    """Order of words and colours on the swaps, and what is shown on each kind of pair."""
    swaps = [(pair, one, at) for pair, one in explained if (at := _swapped(pair)) is not None]
    first = [one.words[0].term.spans[0][0] == start for _, one, (start, _) in swaps]
    places = [_place(one, start, true) for _, one, (start, true) in swaps]
    return {
        "swaps": len(swaps),
        "wrong_word_first": _share(first),
        "right_colour_first": _share([place == 0 for place in places]),
        "right_colour_in_three": _share([place is not None and place < 3 for place in places]),
        "shown": {
            f"{kind}{' flagged' if flagged else ''}": shown(
                [
                    row
                    for row in explained
                    if row[0].kind == kind and (row[0].is_flagged or not flagged)
                ]
            )
            for kind in KINDS
            for flagged in (False, True)
        },
    }


def shown(explained: Explained) -> dict[str, Any]:
    """How often something is shown, how often that is wrong, and the same of suggestions."""
    findings = [(pair, one.finding) for pair, one in explained if one.finding is not None]
    suggested = [(pair, one) for pair, one in explained if one.suggestion is not None]
    return {
        "pairs": len(explained),
        "shown": _share([one.finding is not None for _, one in explained]),
        "colours": sum(word.term.kind == "colour" for _, word in findings),
        "types": sum(word.term.kind == "type" for _, word in findings),
        "wrong": _share([is_wrong(pair, word) for pair, word in findings]),
        "suggested": _share([one.suggestion is not None for _, one in explained]),
        "suggestion_wrong": _share(
            [
                pair.kind != "attribute" or one.suggestion.lower() != pair.true_text.lower()
                for pair, one in suggested
                if one.suggestion is not None
            ]
        ),
    }


def own_categories(
    catalogue: Path, pairs: list[Pair], encoder: Any, *, margins: Margins
) -> dict[str, Any]:
    """How often a category is said not to fit: the true one, and a random other one; "unseen"."""
    nouns = [noun for _, noun in DEFAULT_CATEGORIES]
    vectors = category_vectors(encoder.encode_texts, nouns)
    place = {name: row for row, (name, _) in enumerate(DEFAULT_CATEGORIES)}
    with (catalogue / "val.csv").open(newline="", encoding="utf-8") as file:
        kinds = {row["image_path"]: row["category"] for row in csv.DictReader(file)}
    random = np.random.default_rng(0)
    said: dict[str, list[Any]] = {"true": [], "other": []}
    for pair in pairs:
        name = model_margins.CATEGORY_OF.get(kinds[pair.image_path])
        if name is None or pair.kind != "match" or pair.half != "unseen":
            continue
        others = sorted(set(model_margins.CATEGORY_OF.values()) - {name})
        for which, own in (("true", name), ("other", str(random.choice(others)))):
            found = place_of(
                pair.listing.image,
                vectors,
                own=place[own],
                logit_scale=encoder.logit_scale,
            )
            said[which].append(margins.category.denies(found.lead))
    return {"pairs": len(said["true"])} | {which: _share(hits) for which, hits in said.items()}


def is_wrong(pair: Pair, word: explain_finding.Word) -> bool:
    """Whether a claim is untrue: of a match every one is, of a swap all but that one word.

    A colour counts as wrong where the true one is not among those named, however near it is.
    """
    if pair.kind != "attribute":
        return pair.kind == "match" or pair.denies(word)
    changed = pair.changed()
    if changed is None:
        return pair.denies(word)
    start, true = changed
    return word.term.spans[0][0] != start or true not in word.looks_like


def other_margins(explained: Explained, kinds: Margins) -> list[dict[str, Any]]:
    """Shown and wrong among the flagged, by margin, with the shipped ones in between."""
    rows = []
    for name, values in {
        "COLOUR_GAP": (2.0, 3.0, 4.0, 5.0, 6.0),
        "ONE_COLOUR": (0.5, 0.6, 0.7),
        "TWO_COLOURS": (0.65, 0.75, 0.85, 1.1),
    }.items():
        shipped = getattr(explain_finding, name)
        for value in values:
            setattr(explain_finding, name, value)
            row: dict[str, Any] = {"margin": name, "value": value}
            for kind in KINDS:
                part = [
                    (pair, _again(one, kinds))
                    for pair, one in explained
                    if pair.kind == kind and pair.is_flagged
                ]
                row[kind] = {k: shown(part)[k] for k in ("shown", "wrong")}
            rows.append(row)
        setattr(explain_finding, name, shipped)
    return rows


def _again(one: explain_finding.Explained, kinds: Margins) -> explain_finding.Explained:
    """The same words judged by the margins as they are now."""
    finding = explain_finding.most_wrong(one.words, margins=kinds, category_lead=None)
    return explain_finding.Explained(one.words, finding, None, one.texts_encoded)


def _swapped(pair: Pair) -> tuple[int, str] | None:
    return pair.changed() if pair.kind == "attribute" else None


def _place(one: explain_finding.Explained, start: int, true: str) -> int | None:
    """The place of the true colour among the alternatives of the word that was swapped."""
    for word in one.words:
        if word.term.spans[0][0] == start:
            names = [name for name, _ in word.shares]
            return names.index(true) if true in names else None
    return None


def _share(hits: list[bool]) -> float | None:
    return round(float(np.mean(hits)), 3) if hits else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def as_text(result: dict[str, Any]) -> str:
    lines = [
        result["machine"],
        f"{result['milliseconds_per_listing']} ms and {result['texts_per_listing']} texts per "
        f"listing (at most {result['most_texts']})",
    ]
    lines.append(f"Margins of kinds: {json.dumps(result['kinds'])}")
    own = result["categories"]
    lines.append(
        f"Own category said not to fit, of {own['pairs']} photos: the true one "
        f"{_percent(own['true'])}, another one {_percent(own['other'])}"
    )
    for half, found in result["halves"].items():
        lines += [
            f"Half “{half}”: {found['swaps']} colour swaps; wrong word first "
            f"{_percent(found['wrong_word_first'])}, right colour first "
            f"{_percent(found['right_colour_first'])}, within three "
            f"{_percent(found['right_colour_in_three'])}",
            *(
                f"  {kind:18} {row['pairs']:5} pairs, shown {_percent(row['shown']):>6} "
                f"({row['colours']} colours, {row['types']} types), wrong "
                f"{_percent(row['wrong']):>6}; corrected text {_percent(row['suggested']):>6}, "
                f"not the true one {_percent(row['suggestion_wrong'])}"
                for kind, row in found["shown"].items()
            ),
        ]
    for row in result.get("margins", []):
        parts = (f"{k} {_percent(row[k]['shown'])}/{_percent(row[k]['wrong'])}" for k in KINDS)
        lines.append(f"{row['margin']} {row['value']}: shown/wrong " + ", ".join(parts))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
