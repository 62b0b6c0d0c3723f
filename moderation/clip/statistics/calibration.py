"""From a similarity to the probability of a mismatch: what a model version carries with it."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from moderation.clip.folding import folded


@dataclass(frozen=True)
class PlattScaling:
    """P(mismatch) = sigmoid(a * similarity + b) (Platt 1999). `a` is negative for a sane model."""

    a: float
    b: float

    def p_mismatch(self, similarity: float) -> float:
        """Probability from 0 to 1 that a pair of this similarity is a mismatch."""
        return _sigmoid(self.a * similarity + self.b)


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def log_odds(share: float) -> float:
    """Of a share between 0 and 1."""
    return math.log(share / (1 - share))


@dataclass(frozen=True)
class Calibration:
    """P(mismatch) of one model version: a curve over the similarity, moved by category.

    The curve is Platt's or, with `knots` (similarity rises, logit falls), straight between them
    and of Platt's slope beyond. `offsets` add to the logit, by folded category; `fitted` tells
    what it was fitted on. A higher similarity never has a higher P.
    """

    platt: PlattScaling
    knots: Sequence[Sequence[float]] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)
    prior: float | None = None
    prevalence: float | None = None

    def p_mismatch(self, similarity: float, category: str | None = None) -> float:
        """Probability from 0 to 1 that a pair of this similarity is a mismatch."""
        return _sigmoid(self.logit(similarity) + self.offset(category) + self.shift)

    @property
    def shift(self) -> float:
        """What the audited share of mismatches adds to every logit."""
        if self.prior is None or self.prevalence is None:
            return 0.0
        return log_odds(self.prevalence) - log_odds(self.prior)

    @property
    def as_fitted(self) -> Calibration:
        """The same without the audited share."""
        return replace(self, prevalence=None)

    def offset(self, category: str | None) -> float:
        """What the category adds to the logit; 0 for one that is unknown, or none."""
        return self.offsets.get(folded(category), 0.0) if category and self.offsets else 0.0

    def logit(self, similarity: float) -> float:
        """The common curve: the log odds of a mismatch where no category moves them."""
        if not self.knots:
            return self.platt.a * similarity + self.platt.b
        after = bisect.bisect(self.knots, similarity, key=lambda knot: knot[0])
        if after in (0, len(self.knots)):
            at, logit = self.knots[max(after - 1, 0)]
            return logit + self.platt.a * (similarity - at)
        (x0, y0), (x1, y1) = self.knots[after - 1 : after + 1]
        return y0 + (y1 - y0) * (similarity - x0) / (x1 - x0)

    def threshold_in(self, category: str | None, threshold: float) -> float:
        """The threshold of a category at which the same P flags as `threshold` does elsewhere."""
        return self._at(threshold, -self.offset(category))

    def as_elsewhere(self, similarity: float, category: str | None) -> float:
        """The similarity that has, without a category, the P of this one within its category.

        The other way round than `threshold_in`: this is below a threshold just where the
        similarity is below the category's.
        """
        return self._at(similarity, self.offset(category))

    def _at(self, similarity: float, more: float) -> float:
        """Where the common curve is higher by `more` than at this similarity."""
        if not more or self.platt.a >= 0:
            return similarity
        if not self.knots:
            return similarity + more / self.platt.a
        wanted = self.logit(similarity) + more
        after = bisect.bisect(self.knots, -wanted, key=lambda knot: -knot[1])
        if after in (0, len(self.knots)):
            at, logit = self.knots[max(after - 1, 0)]
            return at + (wanted - logit) / self.platt.a
        (x0, y0), (x1, y1) = self.knots[after - 1 : after + 1]
        return x0 + (x1 - x0) * (wanted - y0) / (y1 - y0)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads; only what there is."""
        found: dict[str, Any] = {"platt": {"a": self.platt.a, "b": self.platt.b}}
        if self.knots:
            found["knots"] = [list(knot) for knot in self.knots]
        if self.offsets:
            found["offsets"] = dict(self.offsets)
        for name, share in (("prior", self.prior), ("prevalence", self.prevalence)):
            if share is not None:
                found[name] = share
        return found | ({"fitted": dict(self.fitted)} if self.fitted else {})

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Calibration:
        """Raises ValueError where it is no calibration, or one whose curve rises."""
        try:
            platt = PlattScaling(float(found["platt"]["a"]), float(found["platt"]["b"]))
            knots = [(float(at), float(logit)) for at, logit in found.get("knots", ())]
            moved = found.get("offsets", {}).items()
            offsets = {folded(str(name)): float(by) for name, by in moved}
            fitted = found.get("fitted", {})
            # Curves of former trainings name the share among what they were fitted on.
            prior, prevalence = (
                None if share is None else float(share)
                for share in (found.get("prior", fitted.get("prior")), found.get("prevalence"))
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError("This is no calibration: it needs platt with a and b.") from error
        numbers = [platt.a, platt.b, *offsets.values(), *(x for knot in knots for x in knot)]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("This is no calibration: its numbers must be finite.")
        if any(share is not None and not 0 < share < 1 for share in (prior, prevalence)):
            raise ValueError("This is no calibration: its shares must lie between 0 and 1.")
        if any(x0 >= x1 or y0 <= y1 for (x0, y0), (x1, y1) in pairwise(knots)):
            raise ValueError("This is no calibration: its knots must rise and their logits fall.")
        return cls(platt, knots, offsets, fitted, prior, prevalence)
