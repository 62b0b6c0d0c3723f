"""What a blind audit of a random sample says of a catalogue: prevalence, precision and recall.

The catalogue is divided into strata: the flagged, and the passed by the probability with which
they were drawn. In each stratum the judged are a random sample, so the mismatches among those not
judged follow a beta-binomial law (Jeffreys' prior, which covers well at small counts: Brown, Cai
and DasGupta 2001). Figures of the whole are sums over strata, their intervals quantiles of many
draws (the finite-population Bayes of Ghosh and Meeden 1997). Numpy only; same counts, same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .labelled_scores import TOLD_FROM

_DRAWS = 4000
_SEED = 20_250_101


@dataclass(frozen=True)
class Stratum:
    """A part of the catalogue with what is known of it.

    Of `size` products `judged` were judged, drawn at random, and `mismatches` of these are wrong.
    `size` None: it is not counted, but `drawn` of its products were drawn with `probability`.
    """

    flagged: bool
    judged: int
    mismatches: int
    size: int | None = None
    drawn: int = 0
    probability: float = 1.0

    def __post_init__(self) -> None:
        population = self.drawn if self.size is None else self.size
        if not 0 <= self.mismatches <= self.judged <= population:
            raise ValueError("Mismatches, judged and products of a stratum must not decrease.")
        if not 0 < self.probability <= 1:
            raise ValueError("The probability of a stratum lies above 0 and at most at 1.")

    @property
    def expected_size(self) -> float:
        """Its products, or what the draws let expect."""
        return float(self.size) if self.size is not None else self.drawn / self.probability


@dataclass(frozen=True)
class Figure:
    """A share with its interval (95% unless asked otherwise)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AuditEstimate:
    """Shares from 0 to 1. None: these labels cannot tell, and `why` says so.

    prevalence: wrong among all products. precision: wrong among the flagged. recall: flagged among
    the wrong.
    """

    prevalence: Figure | None
    precision: Figure | None
    recall: Figure | None
    why: str = ""


@dataclass(frozen=True)
class Posterior:
    """Likely numbers of products given what was judged, [draws] each."""

    flagged: np.ndarray
    passed: np.ndarray
    hit: np.ndarray  # flagged and wrong
    missed: np.ndarray  # passed and wrong

    @property
    def prevalence(self) -> np.ndarray:
        """Wrong among all."""
        return (self.hit + self.missed) / np.maximum(self.flagged + self.passed, 1)

    @property
    def precision(self) -> np.ndarray:
        """Wrong among the flagged."""
        return self.hit / np.maximum(self.flagged, 1)

    @property
    def recall(self) -> np.ndarray:
        """Flagged among the wrong."""
        return self.hit / np.maximum(self.hit + self.missed, 1)


def posterior(strata: Sequence[Stratum], *, seed: int = _SEED) -> Posterior:
    """Draws of what the catalogue may be; the strata one after the other, so reproducible."""
    rng = np.random.default_rng(seed)
    sums = {flag: (np.zeros(_DRAWS), np.zeros(_DRAWS)) for flag in (True, False)}
    for stratum in strata:
        size, wrong = _draw(stratum, rng)
        sums[stratum.flagged] = (
            sums[stratum.flagged][0] + size,
            sums[stratum.flagged][1] + wrong,
        )
    return Posterior(
        flagged=sums[True][0], passed=sums[False][0], hit=sums[True][1], missed=sums[False][1]
    )


def estimate(strata: Sequence[Stratum], *, level: float = 0.95) -> AuditEstimate:
    """Prevalence, precision and recall from the judged of each stratum.

    A stratum of which nothing was judged leaves unknown what depends on it, and so do fewer than
    `TOLD_FROM` judged of the flagged (precision) or of the passed (the others).
    """
    strata = [stratum for stratum in strata if stratum.expected_size > 0]
    flagged = [stratum for stratum in strata if stratum.flagged]
    passed = [stratum for stratum in strata if not stratum.flagged]
    likely = posterior(strata)
    precision = None
    if _judged(flagged) >= TOLD_FROM and all(stratum.judged for stratum in flagged):
        precision = _figure(_wrong(flagged) / _size(flagged), likely.precision, level)
    if _judged(passed) < TOLD_FROM or not all(stratum.judged for stratum in strata):
        return AuditEstimate(None, precision, None, why=_why(flagged, passed))
    wrong = _wrong(strata)
    prevalence = _figure(wrong / _size(strata), likely.prevalence, level)
    if not wrong:
        return AuditEstimate(prevalence, precision, None, why="Unknown: no mismatch was found yet.")
    return AuditEstimate(
        prevalence, precision, _figure(_wrong(flagged) / wrong, likely.recall, level)
    )


def _draw(stratum: Stratum, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Likely sizes and likely numbers of wrong products, [draws] each."""
    if stratum.size is not None:
        sizes = np.full(_DRAWS, stratum.size)
    else:
        undrawn = rng.negative_binomial(stratum.drawn + 0.5, stratum.probability, _DRAWS)
        sizes = stratum.drawn + undrawn
    rest = stratum.judged - stratum.mismatches
    share = rng.beta(stratum.mismatches + 0.5, rest + 0.5, _DRAWS)
    unjudged = rng.binomial(np.maximum(sizes - stratum.judged, 0), share)
    return sizes.astype(float), (stratum.mismatches + unjudged).astype(float)


def _judged(strata: Sequence[Stratum]) -> int:
    return sum(stratum.judged for stratum in strata)


def _wrong(strata: Sequence[Stratum]) -> float:
    return sum(s.expected_size * s.mismatches / s.judged for s in strata if s.judged)


def _size(strata: Sequence[Stratum]) -> float:
    return sum(stratum.expected_size for stratum in strata)


def _figure(value: float, draws: np.ndarray, level: float) -> Figure:
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Figure(float(value), float(min(low, value)), float(max(high, value)))


def _why(flagged: Sequence[Stratum], passed: Sequence[Stratum]) -> str:
    if not any(stratum.judged for stratum in passed):
        return (
            "Unknown: only flagged products carry labels, and they say nothing of what was missed."
        )
    if not all(stratum.judged for stratum in passed):
        return "Unknown: of a part of the products that passed none was judged yet."
    if (judged := _judged(passed)) < TOLD_FROM:
        verb = "is" if judged == 1 else "are"
        return (
            f"Unknown: of the products that passed {judged} {verb} judged; from {TOLD_FROM} on "
            "it is told."
        )
    return "Unknown: no flagged product of the audit was judged yet."
