"""How well the blind audit estimates prevalence, precision and recall: bias and coverage.

    python -m benchmarks.audit_recall ../shared/catalogue --shops /tmp/new-shop

Shops of 20,000 products are drawn from real ones of which 5% of the texts were made wrong
(`benchmarks.new_shop.shop`), scored by the bundled model. For each, the audit draws by the rules of
`rules.sampling`, a simulated moderator judges what is drawn (or a part of it, in random
order), and the estimate is compared with the truth. Many shops, each with another random sample.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.statistics.audit_estimate import Stratum, estimate
from moderation.clip.statistics.calibration import PlattScaling

from .machine import machine
from .shop_vectors import BUNDLED, load

AUDIT_SHARE, AUDIT_FLAGGED_SHARE = 0.02, 0.1  # the settings' defaults
NEAR_FACTOR, NEAR_SHARE_OF_P = 4.0, 0.25  # as in services.rules.sampling, which needs Django
SOURCES = ("fashion", "clothing", "grocery")
WHAT = ("prevalence", "precision", "recall")


@dataclass(frozen=True)
class Case:
    """A shop's size, how much is flagged, and how much of the audit is done."""

    name: str
    products: int = 20_000
    flagged: float | None = None  # None: the bundled threshold
    done: float = 1.0


CASES = (
    Case("as shipped"),
    Case("half of the audit done", done=0.5),
    Case("a fifth of the audit done", done=0.2),
    Case("2% flagged", flagged=0.02),
    Case("10% flagged", flagged=0.1),
    Case("5,000 products", products=5000),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--shops", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("/tmp/shop_vectors.npz"))
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables = [options.shops / source / "shop.csv" for source in SOURCES]
    shop = load(tables, catalogue=options.catalogue, cache=options.cache)
    result = {
        "machine": machine(),
        "listings": len(shop),
        "wrong": round(float(shop.wrong.mean()), 4),
        "audits": options.audits,
        "cases": {
            case.name: measure(shop.similarities, shop.wrong, case, audits=options.audits)
            for case in CASES
        },
    }
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(scores: np.ndarray, wrong: np.ndarray, case: Case, *, audits: int) -> dict[str, Any]:
    """Bias, spread and coverage over many shops drawn with replacement from these listings."""
    about = json.loads((BUNDLED / "clipmod.json").read_text())
    threshold = about["threshold"]
    if case.flagged is not None:
        threshold = float(np.quantile(scores, case.flagged))
    near = near_margin(PlattScaling(**about["platt"]), threshold)
    found: dict[str, list[tuple[float, float, float, float]]] = {what: [] for what in WHAT}
    for seed in range(audits):
        rng = np.random.default_rng(seed)
        rows = rng.integers(0, len(scores), case.products)
        strata = audit(scores[rows], wrong[rows], threshold, near, done=case.done, rng=rng)
        told, truth = estimate(strata), _truth(scores[rows], wrong[rows], threshold)
        for what in WHAT:
            figure = getattr(told, what)
            if figure is not None:
                found[what].append((truth[what], figure.value, figure.low, figure.high))
    return {what: _score(rows, audits) for what, rows in found.items()}


def near_margin(platt: PlattScaling, threshold: float) -> float:
    """How far above the threshold P(mismatch) has fallen to a quarter of its value there."""
    steps = np.linspace(0, 1, 2001)
    chances = np.array([platt.p_mismatch(threshold + step) for step in steps])
    return float(steps[np.argmax(chances <= NEAR_SHARE_OF_P * chances[0])])


def audit(
    scores: np.ndarray,
    wrong: np.ndarray,
    threshold: float,
    near: float,
    *,
    done: float,
    rng: np.random.Generator,
) -> list[Stratum]:
    """Draw, judge the first `done` of the drawn, and count by stratum."""
    flagged = scores < threshold
    is_near = ~flagged & (scores < threshold + near)
    number, place = rng.random(len(scores)), rng.random(len(scores))
    share = np.where(flagged, AUDIT_FLAGGED_SHARE, AUDIT_SHARE * np.where(is_near, NEAR_FACTOR, 1))
    drawn = number < share
    judged = drawn & (place < np.quantile(place[drawn], done))
    strata = []
    for members in (flagged, is_near, ~flagged & ~is_near):
        is_flagged = bool(flagged[members].any())
        strata.append(
            Stratum(
                flagged=is_flagged,
                judged=int((members & judged).sum()),
                mismatches=int((members & judged & wrong).sum()),
                size=int(members.sum()) if is_flagged else None,
                drawn=int((members & drawn).sum()),
                probability=float(share[members][0]) if not is_flagged else 1.0,
            )
        )
    return strata


def _truth(scores: np.ndarray, wrong: np.ndarray, threshold: float) -> dict[str, float]:
    flagged = scores < threshold
    hit = float((flagged & wrong).sum())
    return {
        "prevalence": float(wrong.mean()),
        "precision": hit / float(flagged.sum()),
        "recall": hit / float(wrong.sum()),
    }


def _score(rows: list[tuple[float, float, float, float]], audits: int) -> dict[str, Any]:
    truth, value, low, high = np.array(rows).T
    error, inside = value - truth, (low <= truth) & (truth <= high)
    return {
        "truth": round(float(truth.mean()), 4),
        "bias": round(float(error.mean()), 4),
        "bias_95": round(float(1.96 * error.std() / len(error) ** 0.5), 4),
        "spread": round(float(error.std()), 4),
        "coverage": round(float(inside.mean()), 4),
        "coverage_95": round(float(1.96 * inside.std() / len(inside) ** 0.5), 4),
        "width": round(float((high - low).mean()), 4),
        "unknown": audits - len(rows),
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [
        result["machine"],
        f"{result['listings']:,} listings, {result['wrong']:.1%} wrong; {result['audits']} audits "
        "each. Bias and coverage with 95% intervals.",
        f"{'':28}{'':11}  truth    bias             spread  coverage        width  unknown",
    ]
    for name, figures in result["cases"].items():
        for what, f in figures.items():
            lines.append(
                f"{name if what == WHAT[0] else '':28}{what:11}  {f['truth']:.3f}  "
                f"{f['bias']:+.4f} ± {f['bias_95']:.4f}  {f['spread']:.3f}   "
                f"{f['coverage']:.3f} ± {f['coverage_95']:.3f}   {f['width']:.3f}  {f['unknown']}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
