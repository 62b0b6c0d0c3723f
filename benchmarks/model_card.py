"""Every figure of the bundled model's card, or of another model folder.

    python -m benchmarks.model_card ../shared/catalogue
    python -m benchmarks.model_card ../shared/catalogue --model checkpoints/small

Real photos: the pairs of val_pairs.csv, with intervals over photos. Drawn ones: new pictures of
(kind, colour) pairs that were trained on, pairs that were not, and the demo shop as it is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation import demo
from moderation.clip.data.product_rows import squashed
from moderation.clip.pretrain.output import PRIOR
from moderation.clip.prompts import DEFAULT_CATEGORIES, category_vectors
from moderation.clip.statistics.bootstrap import Resampling, interval
from moderation.clip.statistics.calibration import PlattScaling
from moderation.clip.statistics.metrics import Probabilities, RankedPairs, roc_auc
from moderation.clip.statistics.platt import fit_platt

from . import shop_vectors
from .machine import machine
from .margins import CATEGORY_OF, half_of
from .text_rules import read

if TYPE_CHECKING:
    from moderation.clip.encoder import Encoder

SHARES = (0.02, 0.05, 0.2)  # of wrong listings, at which the probability is judged
DRAWN = 400  # products of each kind of holdout
DEMO: dict[str, Any] = {"count": 180, "mismatch_share": 0.2, "relisted": 4}  # as `demo` has it
# Demo categories that a category of the app holds too: either is a right guess.
HELD_BY = {
    "High heels": "Heels",
    "Flip flops": "Sandals",
    "Teapots": "Kitchenware",
    "Bowls": "Kitchenware",
    "Chairs": "Furniture",
    "Apples": "Fruit",
    "Bananas": "Fruit",
    "Oranges": "Fruit",
    "Pears": "Fruit",
    "Lemons": "Fruit",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path, help="the folder with val.csv and val_pairs.csv")
    parser.add_argument("--model", type=Path, default=shop_vectors.BUNDLED)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.model, options.catalogue)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(model: Path, catalogue: Path) -> dict[str, Any]:
    """All figures of one model folder."""
    from moderation.clip.encoder import Encoder

    encoder = Encoder.load(model, device="cpu", precision="fp32")
    about = json.loads((model / "clipmod.json").read_text(encoding="utf-8"))
    pairs = read(catalogue / "val_pairs.csv")
    scores = similarities(encoder, [catalogue / row["image_path"] for row in pairs],
                          [row["text"] for row in pairs])  # fmt: skip
    return {
        "machine": machine(),
        "val_pairs": ranked(pairs, scores, threshold=about["threshold"]),
        "probability": probability(pairs, scores, PlattScaling(**about["platt"])),
        "drawn": drawn(encoder),
        "demo": demo_shop(encoder, threshold=about["threshold"]),
        "categories": {
            "real": real_categories(encoder, catalogue),
            "drawn": drawn_categories(encoder),
        },
        "milliseconds": one_core(encoder, catalogue / pairs[0]["image_path"], pairs[0]["text"]),
    }


def pictures(encoder: Encoder, sources: Sequence[Any]) -> np.ndarray:
    """Unit vectors [n, d] of files that are all readable."""
    found: list[Any] = encoder.encode_files(sources)
    return np.stack(found)


def similarities(encoder: Encoder, images: Sequence[Any], texts: Sequence[str]) -> np.ndarray:
    """Cosine of each pair, [n]."""
    unique = list(dict.fromkeys(images))
    place = {image: row for row, image in enumerate(unique)}
    found = pictures(encoder, unique)[[place[image] for image in images]]
    return np.asarray((found * encoder.encode_texts(texts)).sum(axis=1))


# ── Which pairs are told apart ────────────────────────────────────────────────────────────────────
def ranked(pairs: list[dict[str, str]], scores: np.ndarray, *, threshold: float) -> dict[str, Any]:
    """ROC-AUC with a 95% interval, and what is flagged: all, by kind of mismatch, by source."""
    kind = np.array([row["kind"] for row in pairs])
    source = np.array([row["image_path"].split("/")[0] for row in pairs])
    everything = np.ones(len(pairs), bool)
    parts = {"all": everything} | {
        name: (kind == name) | (kind == "match") for name in sorted({*kind} - {"match"})
    } | {name: source == name for name in sorted({*source})}  # fmt: skip
    labels = np.array([int(row["label"]) for row in pairs])
    return {
        name: _auc(pairs, scores, chosen)
        | {
            "true_flagged": round(float((scores[chosen & (labels == 1)] < threshold).mean()), 4),
            "caught": round(float((scores[chosen & (labels == 0)] < threshold).mean()), 4),
        }
        for name, chosen in parts.items()
    }


def _auc(pairs: list[dict[str, str]], scores: np.ndarray, chosen: np.ndarray) -> dict[str, Any]:
    rows = np.flatnonzero(chosen)
    labels = np.array([int(pairs[row]["label"]) for row in rows])
    curve = RankedPairs.of(labels, scores[rows])
    groups = [pairs[row]["image_path"] for row in rows]
    spread = Resampling(labels, np.ones(len(rows)), groups=groups).spread(
        lambda weights: {"auc": curve.under(weights)["auc"]}
    )
    found = interval(spread["auc"])
    return {
        "auc": round(roc_auc(labels, scores[rows]), 4),
        "interval": [round(float(end), 4) for end in found] if found else None,
        "mismatches": int((labels == 0).sum()),
    }


# ── How true the probability is ───────────────────────────────────────────────────────────────────
def probability(
    pairs: list[dict[str, str]], scores: np.ndarray, platt: PlattScaling
) -> dict[str, Any]:
    """Expected calibration error by share of wrong listings: of the curve that ships, its prior
    moved to that share, and of one fitted to the other half of the photos."""
    wrong = np.array([row["label"] == "0" for row in pairs])
    first = np.array([half_of(row["image_path"]) == "chosen" for row in pairs])
    result: dict[str, Any] = {}
    for share in SHARES:
        own = PlattScaling(platt.a, platt.b + _log_odds(share) - _log_odds(PRIOR))
        refitted = np.empty(len(pairs))
        for half in (first, ~first):
            curve = fit_platt(scores[~half], ~wrong[~half], prior=share)
            refitted[half] = [curve.p_mismatch(float(score)) for score in scores[half]]
        shipped = np.array([own.p_mismatch(float(score)) for score in scores])
        result[f"{share:.0%}"] = {
            "shipped": ece(shipped, wrong, share=share),
            "refitted": ece(refitted, wrong, share=share),
        }
    return result


def ece(probabilities: np.ndarray, wrong: np.ndarray, *, share: float) -> float:
    """As if `share` of the pairs were wrong; bins of equal mass (statistics/metrics.py)."""
    weights = np.where(wrong, share / wrong.sum(), (1 - share) / (~wrong).sum())
    return round(float(Probabilities(~wrong, probabilities).under(weights)["ece"]), 4)


def _log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))


# ── Drawn products ────────────────────────────────────────────────────────────────────────────────
def drawn(encoder: Encoder) -> dict[str, Any]:
    """ROC-AUC of true texts against another colour and against another kind."""
    return {
        "new pictures": _drawn_auc(encoder, demo.training_families()),
        "new pairs": _drawn_auc(encoder, demo.held_out_families()),
    }


def _drawn_auc(encoder: Encoder, families: tuple[tuple[str, str], ...]) -> dict[str, float]:
    products = demo.held_out_products(DRAWN, seed=1, families=families)
    images = [product.image(2 * encoder.image_size) for product in products]
    vectors = encoder.encode_images(images)
    found = {}
    right = _cosines(encoder, vectors, [product.text for product in products])
    for name, wrong in (
        ("colour", [_another_colour(product) for product in products]),
        ("kind", [_another_kind(product, products) for product in products]),
    ):
        scores = _cosines(encoder, vectors, wrong)
        labels = [1] * len(right) + [0] * len(scores)
        found[name] = round(roc_auc(labels, np.concatenate([right, scores])), 4)
    return found


def _cosines(encoder: Encoder, vectors: np.ndarray, texts: list[str]) -> np.ndarray:
    return np.asarray((vectors * encoder.encode_texts(texts)).sum(axis=1))


def _another_colour(product: demo.DrawnProduct) -> str:
    """The same kind in the colour that is listed after its own."""
    colours = demo.KINDS[product.kind].colours
    other = colours[(colours.index(product.colour) + len(colours) // 2) % len(colours)]
    return demo.describe(product.kind, colour=other, seed=product.seed)


def _another_kind(product: demo.DrawnProduct, products: list[demo.DrawnProduct]) -> str:
    start = products.index(product)
    return next(
        other.text
        for other in products[start + 1 :] + products[:start]
        if demo.KINDS[other.kind].group != demo.KINDS[product.kind].group
    )


def demo_shop(encoder: Encoder, *, threshold: float) -> dict[str, Any]:
    """What the model flags of the demo shop, by what was planted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        planted = {one.product_id: one.mismatch for one in demo.write_catalogue(folder, **DEMO)}
        rows = read(folder / "catalogue.csv")
        scores = similarities(
            encoder, [folder / row["image_path"] for row in rows], [row["text"] for row in rows]
        )
    flagged = {row["product_id"] for row, s in zip(rows, scores, strict=True) if s < threshold}
    kinds = sorted({*planted.values()})
    return {
        "planted": {kind: sum(one == kind for one in planted.values()) for kind in kinds},
        "caught": {
            kind: sum(planted[pk] == kind for pk in flagged & planted.keys()) for kind in kinds
        },
        "true": len(rows) - len(planted),
        "false_flags": len(flagged - planted.keys()),
    }


# ── Categories ────────────────────────────────────────────────────────────────────────────────────
def real_categories(encoder: Encoder, catalogue: Path) -> dict[str, Any]:
    """How often the category of a real photo is guessed first, and among three."""
    rows = [row for row in read(catalogue / "val.csv") if row["category"] in CATEGORY_OF]
    vectors = pictures(encoder, [catalogue / row["image_path"] for row in rows])
    return _guessed(encoder, vectors, [{CATEGORY_OF[row["category"]]} for row in rows])


def drawn_categories(encoder: Encoder) -> dict[str, Any]:
    """The same of the demo's kinds, among the app's categories and those the demo brings."""
    products = demo.demo_products(DRAWN, seed=2)
    vectors = encoder.encode_images([one.image(2 * encoder.image_size) for one in products])
    right = [{one.category, HELD_BY.get(one.category, one.category)} for one in products]
    return _guessed(encoder, vectors, right, more=sorted({one.category for one in products}))


def _guessed(
    encoder: Encoder, vectors: np.ndarray, right: list[set[str]], *, more: Sequence[str] = ()
) -> dict[str, Any]:
    nouns = dict(DEFAULT_CATEGORIES)
    nouns |= {name: name.lower() for name in more if name not in nouns}
    names = np.array(list(nouns))
    best = np.argsort(-vectors @ category_vectors(encoder.encode_texts, [*nouns.values()]).T)
    places = [
        min(list(names[row]).index(name) for name in own)
        for row, own in zip(best, right, strict=True)
    ]
    return {
        "photos": len(places),
        "first": round(float(np.mean(np.array(places) == 0)), 3),
        "among_three": round(float(np.mean(np.array(places) < 3)), 3),
    }


def one_core(encoder: Encoder, photo: Path, text: str) -> float:
    """Median of a picture and its text, decoded and encoded on one core, in milliseconds."""
    import torch

    from moderation.clip.pictures.images import open_image

    torch.set_num_threads(1)
    image, times = open_image(photo), []
    for _turn in range(60):
        began = time.perf_counter()
        encoder._backend.images([squashed(image, encoder.image_size)])
        encoder._backend.texts(encoder.tokens.rows([text]))
        times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times[10:])), 1)


def as_text(result: dict[str, Any]) -> str:
    shop, lines = result["demo"], [result["machine"], "val_pairs.csv: ROC-AUC (95% interval)"]
    for name, found in result["val_pairs"].items():
        low, high = found["interval"] or (float("nan"),) * 2
        lines.append(
            f"  {name:10} {found['auc']:.3f} ({low:.3f}-{high:.3f}); flagged "
            f"{found['caught']:.1%} of {found['mismatches']} mismatches, "
            f"{found['true_flagged']:.1%} of the true pairs"
        )
    lines.append("ECE of P(mismatch) by share of wrong listings (shipped curve / refitted):")
    for share, found in result["probability"].items():
        lines.append(f"  {share:4} {found['shipped']:.3f} / {found['refitted']:.3f}")
    lines.append("ROC-AUC on drawn products (another colour / another kind):")
    for name, found in result["drawn"].items():
        lines.append(f"  {name:12} {found['colour']:.3f} / {found['kind']:.3f}")
    caught = ", ".join(
        f"{shop['caught'][kind]} of {count} {kind}" for kind, count in shop["planted"].items()
    )
    lines.append(
        f"Demo shop: caught {caught}; {shop['false_flags']} of {shop['true']} true flagged"
    )
    for name, found in result["categories"].items():
        lines.append(
            f"Category of {found['photos']} {name} photos: first {found['first']:.0%}, "
            f"among three {found['among_three']:.0%}"
        )
    lines.append(f"A picture and its text on one core: {result['milliseconds']} ms (median)")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
