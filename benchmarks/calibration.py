"""Whether probabilities and thresholds keep their word: ECE, precision and recall targets.

    python -m benchmarks.calibration ../shared/catalogue

The pairs of val_pairs.csv, scored by the bundled model, make up shops: 20,000 products drawn with
replacement, 5% of them mismatches. Simulated moderators judge 1,000 of each, by one of two
designs: "random" (all drawn at random) and "queue" (the 700 most suspicious, and 300 drawn at
random from the rest, weighted by 1 / probability). Calibrations are fitted to a shop of one half of
the pictures and judged on one of the other: on its catalogue, and on its queue (the lowest tenth).
"all" fits them to every product, which shows how much of the ECE is not for lack of labels but
because the halves hold other pictures. A precision target is missed where the threshold's
precision in the shop is below it; where no threshold is warranted, nothing is missed.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from moderation.clip.checkpoints import checkpoint
from moderation.clip.statistics.calibration import Calibration, PlattScaling, log_odds
from moderation.clip.statistics.calibration_choice import fit_calibration
from moderation.clip.statistics.labelled_scores import (
    Histogram,
    LabelledScores,
    grid,
    recall,
    wilson,
)
from moderation.clip.statistics.metrics import Probabilities
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.prior import is_better
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.clip.statistics.thresholds import ChosenThreshold
from moderation.clip.statistics.weights import flattened

from . import shop_vectors
from .machine import machine

PRODUCTS, PREVALENCE, LABELS, AT_RANDOM = 20_000, 0.05, 1000, 300
QUEUE = 0.1  # the share of a shop that is taken for its queue when probabilities are judged
PRECISIONS = ((0.5, 0.9), (0.8, 0.9), (0.9, 0.9), (0.95, 0.9), (0.9, 0.95))  # target, confidence
SHARES, TENTHS = (0.02, 0.05, 0.2), 10  # of mismatches in other shops; parts of the flagged
RECALLS: tuple[tuple[float, float | None], ...] = ((0.6, None), (0.8, None), (0.8, 0.9))


@dataclass(frozen=True)
class Pairs:
    """n scored pairs: similarity, whether a mismatch, source, number of the picture."""

    scores: np.ndarray
    wrong: np.ndarray
    sources: np.ndarray
    pictures: np.ndarray

    def take(self, index: np.ndarray) -> Pairs:
        return Pairs(
            self.scores[index], self.wrong[index], self.sources[index], self.pictures[index]
        )

    def shop(self, random: np.random.Generator, *, wrong: float = PREVALENCE) -> Pairs:
        """Products drawn with replacement, so many of them mismatches."""
        bad = round(wrong * PRODUCTS)
        drawn = [
            random.choice(np.flatnonzero(self.wrong), bad),
            random.choice(np.flatnonzero(~self.wrong), PRODUCTS - bad),
        ]
        return self.take(random.permutation(np.concatenate(drawn)))

    @property
    def histogram(self) -> Histogram:
        return Histogram.of(np.array([grid(float(score)) for score in self.scores]))


def judged(
    shop: Pairs, design: str, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(which products are judged, the weight of each, whether drawn at random), [LABELS] each."""
    if design == "all":
        return np.arange(PRODUCTS), np.ones(PRODUCTS), np.ones(PRODUCTS, dtype=bool)
    if design == "random":
        drawn = random.choice(PRODUCTS, LABELS, replace=False)
        return drawn, np.ones(LABELS), np.ones(LABELS, dtype=bool)
    order = np.argsort(shop.scores, kind="stable")
    first = LABELS - AT_RANDOM
    drawn = np.concatenate([order[:first], random.choice(order[first:], AT_RANDOM, replace=False)])
    at_random = np.arange(LABELS) >= first
    return drawn, np.where(at_random, (PRODUCTS - first) / AT_RANDOM, 1.0), at_random


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("calibration-vectors.npz"))
    parser.add_argument("--seeds", type=int, default=20, help="shops to calibrate for")
    parser.add_argument("--resamplings", type=int, default=200, help="shops for the targets")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = load(options.catalogue, options.cache)
    result = {
        "machine": machine(),
        "pairs": len(pairs.wrong),
        "ece": calibrations(pairs, seeds=options.seeds),
        "tenths": tenths(pairs),
        "rules": rules(),
        "targets": targets(pairs, resamplings=options.resamplings),
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def load(catalogue: Path, cache: Path) -> Pairs:
    table = catalogue / "val_pairs.csv"
    shop = shop_vectors.load([table], catalogue=catalogue, cache=cache)
    with table.open(newline="", encoding="utf-8") as file:
        paths = [row["image_path"] for row in csv.DictReader(file)]
    _names, pictures = np.unique(paths, return_inverse=True)
    sources = np.array([path.split("/")[0] for path in paths])
    return Pairs(shop.similarities, shop.wrong, sources, pictures)


# ── Probabilities ─────────────────────────────────────────────────────────────────────────────
def calibrations(pairs: Pairs, *, seeds: int) -> list[dict[str, Any]]:
    """ECE on unseen pictures, by how the labels were chosen and by where it is measured."""
    rows = []
    for design in ("random", "queue", "all"):
        found: dict[str, list[float]] = {"catalogue": [], "queue": []}
        chosen: list[str] = []
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            half = random.permutation(pairs.pictures.max() + 1)[pairs.pictures] % 2 == 0
            shop, unseen = pairs.take(half).shop(random), pairs.take(~half).shop(random)
            drawn, weights, _at_random = judged(shop, design, random)
            calibration = fit_calibration(
                shop.scores[drawn],
                ~shop.wrong[drawn],
                weights=flattened(weights),
                categories=list(shop.sources[drawn]),
            )
            chosen.append(str(calibration.fitted["chosen"]))
            p = [
                calibration.p_mismatch(float(score), source)
                for score, source in zip(unseen.scores, unseen.sources, strict=True)
            ]
            for place, part in (
                ("catalogue", np.ones(PRODUCTS, dtype=bool)),
                ("queue", unseen.scores <= np.quantile(unseen.scores, QUEUE)),
            ):
                found[place].append(_ece(np.array(p)[part], unseen.wrong[part]))
        rows += [
            {
                "labels": design,
                "judged_on": place,
                "ece": _spread(values),
                "chosen": {name: chosen.count(name) for name in sorted(set(chosen))},
            }
            for place, values in found.items()
        ]
    return rows


def _ece(p: np.ndarray, wrong: np.ndarray) -> float:
    return float(Probabilities((~wrong).astype(int), p).under(np.ones(len(p)))["ece"])


def _spread(values: list[float]) -> dict[str, float]:
    """The mean with its 95% interval, and the worst."""
    error = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    mean = float(np.mean(values))
    return {
        "mean": round(mean, 4),
        "low": round(mean - error, 4),
        "high": round(mean + error, 4),
        "worst": round(max(values), 4),
    }


# ── The share of mismatches that P is told for ────────────────────────────────────────────────
def tenths(pairs: Pairs, *, shops: int = 20) -> list[dict[str, Any]]:
    """P and truth by tenths of the flagged, under the shipped curve and the audited share."""
    about = checkpoint.read_about(checkpoint.BUNDLED_FOLDER)
    shipped = Calibration.from_json({**about["calibration"], "platt": about["platt"]})
    rows = []
    for share in SHARES:
        found: dict[str, list[np.ndarray]] = {}
        for seed in range(shops):
            random = np.random.default_rng(seed)
            shop = pairs.shop(random, wrong=share)
            calibration = replace(shipped, prevalence=_audited(shipped, shop.wrong, random))
            flagged = shop.take(np.flatnonzero(shop.scores < about["threshold"]))
            order = np.argsort(flagged.scores, kind="stable")
            says = {
                "true": flagged.wrong[order],
                "presumed": _p(shipped, flagged.scores[order]),
                "audited": _p(calibration, flagged.scores[order]),
            }
            for name, values in says.items():
                parts = np.array_split(values, TENTHS)
                found.setdefault(name, []).append(np.array([part.mean() for part in parts]))
        means = {name: np.mean(values, axis=0) for name, values in found.items()}
        rows.append(
            {"wrong": share}
            | {name: [round(float(p), 3) for p in values] for name, values in means.items()}
            | {
                f"{name}_off": round(float(np.abs(means[name] - means["true"]).mean()), 3)
                for name in ("presumed", "audited")
            }
        )
    return rows


def _audited(shipped: Calibration, wrong: np.ndarray, random: np.random.Generator) -> float | None:
    """What an audit of `AT_RANDOM` products makes of the share; None where it changes nothing."""
    drawn = random.choice(wrong, AT_RANDOM, replace=False)
    value, low, high = _estimate(int(drawn.sum()), len(drawn))
    return value if is_better(shipped, value, low=low, high=high) else None


def _estimate(found: int, of: int) -> tuple[float, float, float]:
    """A share with its 95% interval, by Jeffreys' prior."""
    law = beta(found + 0.5, of - found + 0.5)
    low, high = law.ppf([0.025, 0.975])
    return float(law.mean()), float(low), float(high)


def _p(calibration: Calibration, scores: np.ndarray) -> np.ndarray:
    return np.array([calibration.p_mismatch(float(score)) for score in scores])


def rules(*, times: int = 2000) -> list[dict[str, Any]]:
    """How far from the true share the one in use is, by when an audited one is adopted."""
    curve = Calibration(PlattScaling(-18.0, -1.0), prior=PREVALENCE)
    rows = []
    for share in SHARES:
        for audited in (50, 200, 1000):
            random = np.random.default_rng(0)
            used: dict[str, list[float]] = {}
            for found in random.binomial(audited, share, size=times).tolist():
                value, low, high = _estimate(found, audited)
                taken = {
                    "never": False,
                    "always": True,
                    "narrow": high <= 4 * low,
                    "excluded": is_better(curve, value, low=low, high=high),
                }
                for rule, adopt in taken.items():
                    used.setdefault(rule, []).append(value if adopt else PREVALENCE)
            for rule, values in used.items():
                away = np.abs([log_odds(value) - log_odds(share) for value in values])
                moved = float(np.mean([value != PREVALENCE for value in values]))
                rows.append(
                    {
                        "wrong": share,
                        "audited": audited,
                        "rule": rule,
                        "adopted": round(moved, 3),
                        "off": round(float(away.mean()), 3),
                        "worst_in_20": round(float(np.quantile(away, 0.95)), 3),
                    }
                )
    return rows


# ── Targets ───────────────────────────────────────────────────────────────────────────────────
def targets(pairs: Pairs, *, resamplings: int) -> list[dict[str, Any]]:
    """How often a target was warranted, how often it was missed, and what was reached."""
    reached: dict[tuple[str, str, float, float | None], list[float]] = {}
    recalls: dict[str, list[tuple[float, bool]]] = {}
    for seed in range(resamplings):
        for design in ("random", "queue"):
            random = np.random.default_rng(seed)
            shop = pairs.shop(random)
            drawn, weights, at_random = judged(shop, design, random)
            labels = LabelledScores(shop.scores[drawn], shop.wrong[drawn], weights, at_random)
            labels = labels.spread_over(shop.histogram)
            for target, confidence in PRECISIONS:
                answer = by_precision(labels, target=target, confidence=confidence)
                values = reached.setdefault((design, "precision", target, confidence), [])
                if isinstance(answer, ChosenThreshold):
                    values.append(float(shop.wrong[shop.scores < answer.threshold].mean()))
            for target, sure in RECALLS:
                answer = by_recall(labels, target=target, confidence=sure)
                values = reached.setdefault((design, "recall", target, sure), [])
                if isinstance(answer, ChosenThreshold):
                    values.append(float((shop.scores < answer.threshold)[shop.wrong].mean()))
            at = float(np.quantile(shop.scores, QUEUE).round(3))
            estimate = recall(labels, at)
            truth = float((shop.scores < at)[shop.wrong].mean())
            if estimate:
                inside = estimate.low <= truth <= estimate.high
                recalls.setdefault(design, []).append((estimate.value - truth, inside))
    rows = [
        _row(kind, target, confidence, design, values, resamplings)
        for (design, kind, target, confidence), values in reached.items()
    ]
    return rows + [
        {
            "labels": design,
            "kind": "estimated recall",
            "bias": round(float(np.mean([gap for gap, _ in found])), 4),
            "covered": round(float(np.mean([inside for _, inside in found])), 3),
        }
        for design, found in recalls.items()
    ]


def _row(
    kind: str,
    target: float,
    confidence: float | None,
    design: str,
    values: list[float],
    resamplings: int,
) -> dict[str, Any]:
    missed = sum(value < target for value in values)
    low, high = wilson(missed / resamplings, resamplings, confidence=0.95)
    return {
        "labels": design,
        "kind": kind,
        "target": target,
        "confidence": confidence,
        "warranted": len(values),
        "missed": missed,
        "missed_share": round(missed / resamplings, 3),
        "missed_interval": [round(low, 3), round(high, 3)],
        "reached": round(float(np.mean(values)), 4) if values else None,
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [
        result["machine"],
        f"{result['pairs']:,} pairs; shops of {PRODUCTS:,} products, {PREVALENCE:.0%} mismatches, "
        f"{LABELS:,} judged.",
    ]
    for row in result["ece"]:
        ece = row["ece"]
        lines.append(
            f"ECE, labels by {row['labels']:6}, judged on the {row['judged_on']:9}: "
            f"{ece['mean']:.4f} ({ece['low']:.4f} to {ece['high']:.4f}), worst {ece['worst']:.4f}; "
            + ", ".join(f"{name} {count}" for name, count in row["chosen"].items())
        )
    for row in result["tenths"]:
        lines.append(f"{row['wrong']:.0%} wrong, tenths of the flagged:")
        for name in ("true", "presumed", "audited"):
            off = f"; off by {row[f'{name}_off']:.3f}" if name != "true" else ""
            lines.append(f"  {name:9}" + " ".join(f"{p:4.0%}" for p in row[name]) + off)
    for row in result["rules"]:
        lines.append(
            f"{row['wrong']:.0%} wrong, {row['audited']:5,} audited, adopted {row['rule']:9}: "
            f"{row['adopted']:.0%} of the time, log odds off by {row['off']:.2f}, one time in "
            f"twenty by {row['worst_in_20']:.2f}"
        )
    for row in result["targets"]:
        if row["kind"] == "estimated recall":
            lines.append(
                f"Estimated recall, labels by {row['labels']:6}: bias {row['bias']:+.4f}, the "
                f"interval holds the truth in {row['covered']:.1%}"
            )
            continue
        sure = "on the mean" if row["confidence"] is None else f"{row['confidence']:.0%} sure"
        low, high = row["missed_interval"]
        lines.append(
            f"{row['kind']:9} {row['target']:.0%} {sure:11}, labels by {row['labels']:6}: "
            f"warranted {row['warranted']:3}, missed {row['missed']:3} ({row['missed_share']:.1%}; "
            f"{low:.1%} to {high:.1%}), reached on the mean {row['reached']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
