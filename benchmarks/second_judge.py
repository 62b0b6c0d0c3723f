"""What a second judge is worth: on labelled pairs, asked only where the first is uncertain.

    python -m benchmarks.second_judge ../shared/catalogue/val_pairs.csv \\
        --first moderation/clip/bundled --second checkpoints/other

The CSV has image_path,text,label,kind. Each model judges by its own threshold and calibration, out
of its folder's `clipmod.json`. Near is what `services.rules.sampling.Band` says. Precision is that
of a shop of which `--wrong` of the listings are wrong; recall needs no such share. Three rules:

- *first alone*: its threshold.
- *pair*: near it the mean of both P(mismatch), flagged from the mean of both at their thresholds.
- *pair, as many*: the same, flagged from where as many listings are as by the first alone.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from moderation.clip.checkpoints import checkpoint  # noqa: E402
from moderation.clip.encoder import Encoder  # noqa: E402
from moderation.models import Analysis, ModelVersion  # noqa: E402
from moderation.services.rules.sampling import Band  # noqa: E402

from .machine import machine  # noqa: E402
from .model_card import similarities  # noqa: E402
from .text_rules import read  # noqa: E402

WRONG = 0.05
COLOURS = "attribute"  # the kind of pair whose text names another colour


@dataclass(frozen=True)
class Judge:
    """A model with its verdicts on n pairs."""

    version: ModelVersion
    scores: np.ndarray  # [n] cosines
    p: np.ndarray  # [n] P(mismatch)

    @property
    def flagged(self) -> np.ndarray:
        """[n]"""
        return self.scores < self.version.threshold

    @property
    def p_at_threshold(self) -> float:
        return _p(self.version, self.version.threshold)

    @property
    def near(self) -> np.ndarray:
        """[n]"""
        band, at = Band.of(self.version), self.version.threshold
        return np.array(
            [
                band.holds(Analysis(similarity=float(score), threshold_used=at))
                for score in self.scores
            ]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="a CSV with image_path, text, label, kind")
    parser.add_argument("--first", type=Path, required=True, help="a model folder")
    parser.add_argument("--second", type=Path, required=True, help="another one")
    parser.add_argument("--wrong", type=float, default=WRONG, help="share of wrong listings")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measure(options.pairs, first=options.first, second=options.second, wrong=options.wrong)
    print(json.dumps(found, indent=2) if options.json else as_text(found))


def measure(pairs: Path, *, first: Path, second: Path, wrong: float) -> dict[str, Any]:
    """All figures of two model folders."""
    rows = read(pairs)
    judges = [_judge(folder, rows, pairs.parent) for folder in (first, second)]
    mismatch = np.array([row["label"] == "0" for row in rows])
    kind = np.array([row["kind"] for row in rows])
    parts = {"all kinds": np.ones(len(rows), bool), "colour swaps": ~mismatch | (kind == COLOURS)}
    return {
        "machine": machine(),
        "pairs": len(rows),
        "wrong": wrong,
        "parts": {
            name: compared(*judges, mismatch=mismatch, among=chosen, wrong=wrong)
            for name, chosen in parts.items()
        },
    }


def _judge(folder: Path, rows: Sequence[dict[str, str]], root: Path) -> Judge:
    about = checkpoint.read_about(folder)
    version = ModelVersion(
        threshold=checkpoint.threshold(folder),
        platt_a=about["platt"]["a"],
        platt_b=about["platt"]["b"],
        calibration=about.get("calibration") or {},
    )
    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    scores = similarities(
        encoder, [root / row["image_path"] for row in rows], [row["text"] for row in rows]
    )
    return Judge(version, scores, np.array([_p(version, float(score)) for score in scores]))


def _p(version: ModelVersion, similarity: float) -> float:
    p = version.p_mismatch(similarity)
    assert p is not None  # a folder without calibration has no `platt`, and was refused
    return p


def compared(
    first: Judge, second: Judge, *, mismatch: np.ndarray, among: np.ndarray, wrong: float
) -> dict[str, Any]:
    """The three rules on some of the pairs, and what is wrong in each part of the near band."""
    weights = _weights(mismatch, among, wrong=wrong)
    near, mean = first.near, (first.p + second.p) / 2
    cut = (first.p_at_threshold + second.p_at_threshold) / 2

    def pair(cut: float) -> np.ndarray:
        return np.where(near, mean >= cut, first.flagged)

    as_many = _cut_for(weights[near & first.flagged].sum(), mean[near], weights[near])
    rules = {"first alone": first.flagged, "pair": pair(cut), "pair, as many": pair(as_many)}
    bands = {
        "flagged by both": near & first.flagged & second.flagged,
        "flagged, the second lets pass": near & first.flagged & ~second.flagged,
        "passed, the second flags": near & ~first.flagged & second.flagged,
        "passed by both": near & ~first.flagged & ~second.flagged,
    }
    return {
        "second alone": _figures(second.flagged, mismatch, weights),
        **{name: _figures(flagged, mismatch, weights) for name, flagged in rules.items()},
        "near": round(float(weights[near].sum()), 4),
        "bands": {
            name: {
                "share": round(float(weights[held].sum()), 4),
                "wrong": _share(weights[held & mismatch].sum(), weights[held].sum()),
                "pairs": int((held & among).sum()),
            }
            for name, held in bands.items()
        },
    }


def _weights(mismatch: np.ndarray, among: np.ndarray, *, wrong: float) -> np.ndarray:
    """[n] which add up to 1, as if so large a share were wrong; 0 where a pair is not asked."""
    right, bad = among & ~mismatch, among & mismatch
    return wrong * bad / bad.sum() + (1 - wrong) * right / right.sum()


def _cut_for(share: float, values: np.ndarray, weights: np.ndarray) -> float:
    """The value from which on so large a share of the weights lies."""
    order = np.argsort(-values)
    place = int(np.searchsorted(np.cumsum(weights[order]), share))
    return float(values[order][min(place, len(values) - 1)])


def _figures(flagged: np.ndarray, mismatch: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    caught = weights[flagged & mismatch].sum()
    return {
        "precision": _share(caught, weights[flagged].sum()),
        "recall": _share(caught, weights[mismatch].sum()),
        "flagged": round(float(weights[flagged].sum()), 4),
    }


def _share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None


# ── As text ───────────────────────────────────────────────────────────────────────────────────
def as_text(found: dict[str, Any]) -> str:
    """Two tables for each part of the pairs."""
    lines = [f"{found['pairs']} pairs, as if {found['wrong']:.0%} were wrong. {found['machine']}"]
    for name, part in found["parts"].items():
        lines += ["", f"{name}: {part['near']:.1%} of the listings are near"]
        for rule in ("second alone", "first alone", "pair", "pair, as many"):
            one = part[rule]
            lines.append(
                f"  {rule:<15} precision {_percent(one['precision'])}, "
                f"recall {_percent(one['recall'])}, flagged {one['flagged']:.1%}"
            )
        for band, one in part["bands"].items():
            lines.append(
                f"  {band:<30} {one['share']:6.2%} of the listings, of them wrong "
                f"{_percent(one['wrong'])} ({one['pairs']} pairs)"
            )
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "   –" if share is None else f"{share:.1%}"


if __name__ == "__main__":
    main()
