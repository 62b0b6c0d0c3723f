"""Texts longer than a model reads: how their score is best formed, and what a part can tell.

    python -m benchmarks.long_texts ../shared/catalogue/val_pairs.csv

Puts four sentences that no photo can show behind the titles of labelled pairs, so that they are too
long, and scores them in several ways. Then says the colour of true pairs in the description alone,
rightly and wrongly, and counts how often that part would be named as one that does not fit.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.data.augment import COLOURS
from moderation.clip.explanation.explain_parts import CLEARLY
from moderation.clip.statistics.metrics import roc_auc

from .text_rules import Judge, asked, read, spaced

DESCRIPTION = (
    "Comfortable and durable, perfect for every day.",
    "Machine washable, imported.",
    "Designed for people who care about quality and a good fit.",
    "Our customers love it, and so will you.",
    "Pair it with your favourite outfit for a complete look.",
    "Delivered in a recyclable box with a gift card inside.",
    "Easy to look after and made to last for many years.",
)
SENTENCES = 4
MARGINS = (0.0, 0.05, 0.1, CLEARLY, 0.2, 0.25, 0.3)
SAID = ("red", "green", "yellow", "pink", "black", "white")
_COLOUR = re.compile(rf"\b({'|'.join(map(re.escape, COLOURS))})\b", re.IGNORECASE)
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="CSV of labelled pairs")
    options, judge = asked(parser, sample=600)
    rows = spaced(read(options.pairs), options.sample)
    images = judge.images([options.pairs.parent / row["image_path"] for row in rows])
    result = {
        "model": str(options.model),
        "threshold": judge.threshold,
        "formed": formed(judge, rows, images),
        "named": named(judge, rows, images),
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def formed(judge: Judge, rows: Sequence[Row], images: np.ndarray) -> dict[str, Any]:
    """Each way to score a long text: ROC-AUC, and the share of true pairs that are flagged."""
    rng = random.Random(0)
    long = [f"{row['text']}. {' '.join(rng.sample(DESCRIPTION, SENTENCES))}" for row in rows]
    parts = [judge.encoder.parts(text) for text in long]
    scores = [
        judge.similarity(np.broadcast_to(image, (len(found), len(image))), found)
        for image, found in zip(images, parts, strict=True)
    ]
    ways = {
        "the title without a description": judge.similarity(images, [row["text"] for row in rows]),
        "the first part": np.array([found[0] for found in scores]),
        "the beginning, cut off": judge.similarity(images, [judge.beginning(t) for t in long]),
        "the mean of the parts": np.array([found.mean() for found in scores]),
        "the worst part": np.array([found.min() for found in scores]),
        "the best part": np.array([found.max() for found in scores]),
    }
    labels = np.array([int(row["label"]) for row in rows])
    return {
        name: {
            "auc": round(float(roc_auc(labels.tolist(), found)), 4),
            "true_flagged": round(float((found[labels == 1] < judge.threshold).mean()), 3),
        }
        for name, found in ways.items()
    }


def named(judge: Judge, rows: Sequence[Row], images: np.ndarray) -> dict[str, Any]:
    """How often a sentence with the colour is named, where the colour is right and where wrong."""
    rng = random.Random(0)
    found: dict[str, list[float]] = {"right": [], "wrong": []}
    for row, image in zip(rows, images, strict=True):
        colours = {colour.lower() for colour in _COLOUR.findall(row["text"])}
        if row["label"] != "1" or len(colours) != 1:
            continue
        (right,), noun = colours, row["text"].split()[-1].lower()
        wrong = rng.choice([colour for colour in SAID if colour != right])
        said = [f"The {colour} {noun} is a favourite." for colour in (right, wrong)]
        scores = judge.similarity(np.broadcast_to(image, (2, len(image))), said)
        for name, score in zip(found, scores, strict=True):
            found[name].append(float(score))
    return {
        "pairs": len(found["right"]),
        "margins": {
            margin: {
                name: round(float((np.array(scores) < judge.threshold - margin).mean()), 3)
                for name, scores in found.items()
            }
            for margin in MARGINS
        },
    }


def as_text(result: dict[str, Any]) -> str:
    told = result["named"]
    return "\n".join(
        [
            f"{result['model']}, threshold {result['threshold']}.",
            f"Titles with {SENTENCES} sentences behind them: ROC-AUC, true pairs flagged",
            *(
                f"  {name:32} {row['auc']:.4f} {row['true_flagged']:>7.1%}"
                for name, row in result["formed"].items()
            ),
            f"A part that says the colour, of {told['pairs']} true pairs: named where it is",
            f"  {'so far below the threshold':32} {'wrong':>6} {'right':>7}",
            *(
                f"  {margin:<32} {row['wrong']:>6.1%} {row['right']:>7.1%}"
                f"{'  (as it is)' if margin == CLEARLY else ''}"
                for margin, row in told["margins"].items()
            ),
        ]
    )


if __name__ == "__main__":
    main()
