"""What the text preparation is worth on real photos: each rule, and what shops write around titles.

    python -m benchmarks.text_rules ../shared/catalogue/val.csv

Takes a CSV of true pairs (image_path, text) and, beside it or by --pairs, one with labels. Changes
only the texts and counts how many true pairs a model flags, with and without the preparation; then
the ROC-AUC of the labelled pairs both ways, which must not fall.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip import scoring
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ImageError
from moderation.clip.statistics.metrics import roc_auc
from moderation.clip.texts.prepare import PREPARATION, prepare
from moderation.clip.texts.rules import RULES

Write = Callable[[str], str]

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}  # full-width letters

# What shops write around a title.
VARIANTS: dict[str, Write] = {
    "as it is": str,
    "lower case": str.lower,
    "UPPER CASE": str.upper,
    "+ SKU 4471-B": "{} SKU 4471-B".format,
    "+ - 19.99 EUR": "{} - 19.99 EUR".format,
    "+ NEW!!! FREE SHIPPING": "{} NEW!!! FREE SHIPPING".format,
    "+ description": "{}. Comfortable and durable, perfect for every day. Machine washable, "
    "imported.".format,
    "<p>...</p>": "<p>{}</p>".format,
    "Neu: ... (Größe M)": "Neu: {} (Größe M)".format,
    '"..."': '"{}"'.format,
}
# For each rule, texts that it is there for.
FOR_RULE: dict[str, tuple[Write, ...]] = {
    "markup": ("<p>{}</p>".format, "<ul><li>{}</li></ul>&nbsp;<br".format),
    "spelling": ("“{}”".format, "{}™ – ®".format, lambda text: text.translate(_WIDE)),
    "invisible signs": ("★ {} ✨👕".format, lambda text: text.replace(" ", " \u200b\u202a")),
    "white space": ("\r\n{}\t\n".format, "{}\r\n\r\n- 100% cotton\r\n- machine washable".format),
    "capitals": (str.upper,),
    "addresses": ("{} https://www.example.com/p/4471?ref=feed".format, "{} me@example.com".format),
    "article numbers": ("{} SKU 4471-B".format, "{} (Art.-Nr. 12345)".format),
    "prices": ("{} - 19.99 EUR".format, "{} was $49.90 now $19.90".format),
    "discounts": ("{} -50%".format, "{} 20% off".format),
    "sizes": ("{} (Size M)".format, "{} [XL]".format, "{} (EU 42)".format),
    "offers and shouts": ("{} NEW!!! FREE SHIPPING".format, "Neu: {}".format, "{} in stock".format),
    "empty signs": (
        *("*** {} !!!".format, "{} ---".format, '"{}"'.format),
        lambda text: text.replace(" ", "_"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("true", type=Path, help="CSV of true pairs")
    parser.add_argument("--pairs", type=Path, help="labelled CSV (default: val_pairs.csv beside)")
    options, judge = asked(parser, sample=100)
    result = {
        "model": str(options.model),
        "preparation": PREPARATION,
        "threshold": round(judge.threshold, 4),
        **judge.true_pairs(spaced(read(options.true), options.sample), base=options.true.parent),
        **judge.labelled(options.pairs or options.true.with_name("val_pairs.csv")),
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def asked(parser: argparse.ArgumentParser, *, sample: int) -> tuple[argparse.Namespace, Judge]:
    """The options of a command about one model's verdicts on texts, and that model."""
    parser.add_argument("--model", default="bundled", help="folder or name of the model")
    parser.add_argument("--threshold", type=float, help="(default: the model's own)")
    parser.add_argument("--sample", type=int, default=sample, help="pairs, evenly spaced")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = checkpoint.resolve(options.model).folder
    own = checkpoint.threshold(folder)
    return options, Judge(folder, own if options.threshold is None else options.threshold)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spaced(rows: list[dict[str, str]], count: int) -> list[dict[str, str]]:
    return [rows[number * len(rows) // count] for number in range(min(count, len(rows)))]


class Judge:
    """One model that reads texts as they are given, so that their preparation can be varied."""

    def __init__(self, folder: Path, threshold: float) -> None:
        self.encoder = Encoder.load(folder, device="cpu", read=str)
        self.threshold = threshold

    def true_pairs(self, rows: Sequence[dict[str, str]], *, base: Path) -> dict[str, Any]:
        """How many of the true pairs are flagged, in each way of writing and of reading."""
        images = self.images([base / row["image_path"] for row in rows])
        texts = [row["text"] for row in rows]

        def flagged(write: Write, without: str | None = None, *, prepared: bool = True) -> int:
            rules = [rule for rule in RULES if rule.name != without]
            said = [write(text) for text in texts]
            said = [prepare(text, rules=rules) for text in said] if prepared else said
            similarities = scoring.similarity(images, self.encoder.encode_texts(said))
            return int((similarities < self.threshold).sum())

        return {
            "true_pairs": len(rows),
            "variants": {
                name: {"unprepared": flagged(write, prepared=False), "prepared": flagged(write)}
                for name, write in VARIANTS.items()
            },
            "rules": {
                name: {
                    "without_it": sum(flagged(write, name) for write in writes),
                    "with_it": sum(flagged(write) for write in writes),
                    "of": len(rows) * len(writes),
                }
                for name, writes in FOR_RULE.items()
            },
        }

    def labelled(self, pairs: Path) -> dict[str, Any]:
        """The ROC-AUC of labelled pairs, read unprepared and prepared."""
        if not pairs.is_file():
            return {}
        rows = read(pairs)
        images = self.images([pairs.parent / row["image_path"] for row in rows])
        labels = [int(row["label"]) for row in rows]

        def auc(said: list[str]) -> float:
            return round(
                float(roc_auc(labels, scoring.similarity(images, self.encoder.encode_texts(said)))),
                4,
            )

        texts = [row["text"] for row in rows]
        read_as = [prepare(text) for text in texts]
        changed = sum(one != other for one, other in zip(texts, read_as, strict=True))
        return {
            "labelled_pairs": len(rows),
            "texts_read_otherwise": changed,
            "auc_unprepared": auc(texts),
            "auc_prepared": auc(read_as),
        }

    def similarity(self, images: np.ndarray, said: Sequence[str]) -> np.ndarray:
        """The cosine of each photo [n, d] with its text, read as a title of its own."""
        return scoring.similarity(
            images, self.encoder.encode_texts([prepare(text) for text in said])
        )

    def beginning(self, text: str) -> str:
        """As many words of a text as the model reads."""
        words = prepare(text).split()
        while words and len(self.encoder.parts(" ".join(words))) > 1:
            words.pop()
        return " ".join(words)

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        different = list(dict.fromkeys(paths))
        vectors = dict(zip(different, self.encoder.encode_files(different), strict=True))
        found = [vectors[path] for path in paths]
        broken = [str(vector) for vector in found if isinstance(vector, ImageError)]
        if broken:
            raise SystemExit(broken[0])
        return np.stack(found)  # type: ignore[arg-type]


def as_text(result: dict[str, Any]) -> str:
    count = result["true_pairs"]
    lines = [
        f"{result['model']}, threshold {result['threshold']}, preparation {result['preparation']}.",
        f"Flagged of {count} true pairs: {'unprepared':>14} {'prepared':>9}",
        *(
            f"  {name:32} {row['unprepared']:>6} {row['prepared']:>9}"
            for name, row in result["variants"].items()
        ),
        f"Flagged by rule, on its own texts: {'without it':>10} {'with it':>8} {'of':>5}",
        *(
            f"  {name:32} {row['without_it']:>10} {row['with_it']:>8} {row['of']:>5}"
            for name, row in result["rules"].items()
        ),
    ]
    if "auc_prepared" in result:
        lines.append(
            f"ROC-AUC of {result['labelled_pairs']} labelled pairs: {result['auc_unprepared']} "
            f"unprepared, {result['auc_prepared']} prepared "
            f"({result['texts_read_otherwise']} texts are read otherwise)."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
