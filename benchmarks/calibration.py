"""Whether probabilities keep their word: the expected calibration error (ECE) of a shop.

    python -m benchmarks.calibration ../shared/catalogue

The pairs of val_pairs.csv, scored by the bundled model, make up shops: 20,000 products drawn with
replacement, 5% of them mismatches. Simulated moderators judge 1,000 of each, by one of two
designs: "random" (all drawn at random) and "queue" (the 700 most suspicious, and 300 drawn at
random from the rest, weighted by 1 / probability). Calibrations are fitted to a shop of one half of
the pictures and judged on one of the other: on its catalogue, and on its queue (the lowest tenth).
"all" fits them to every product, which shows how much of the ECE is not for lack of labels but
because the halves hold other pictures.
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
from moderation.clip.statistics.metrics import Probabilities
from moderation.clip.statistics.prior import is_better
from moderation.clip.statistics.weights import flattened

from . import shop_vectors
from .machine import machine

PRODUCTS, PREVALENCE, LABELS, AT_RANDOM = 20_000, 0.05, 1000, 300
QUEUE = 0.1  # the share of a shop that is taken for its queue when probabilities are judged
SHARES, TENTHS = (0.02, 0.05, 0.2), 10  # of mismatches in other shops; parts of the flagged


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


def judged(shop: Pairs, design: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(which products are judged, the weight of each), [LABELS] each."""
    if design == "all":
        return np.arange(PRODUCTS), np.ones(PRODUCTS)
    if design == "random":
        return random.choice(PRODUCTS, LABELS, replace=False), np.ones(LABELS)
    order = np.argsort(shop.scores, kind="stable")
    first = LABELS - AT_RANDOM
    drawn = np.concatenate([order[:first], random.choice(order[first:], AT_RANDOM, replace=False)])
    at_random = np.arange(LABELS) >= first
    return drawn, np.where(at_random, (PRODUCTS - first) / AT_RANDOM, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("calibration-vectors.npz"))
    parser.add_argument("--seeds", type=int, default=20, help="shops to calibrate for")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = load(options.catalogue, options.cache)
    result = {
        "machine": machine(),
        "pairs": len(pairs.wrong),
        "ece": calibrations(pairs, seeds=options.seeds),
        "tenths": tenths(pairs),
        "rules": rules(),
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
            drawn, weights = judged(shop, design, random)
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
    return "\n".join(lines)


if __name__ == "__main__":
    main()
