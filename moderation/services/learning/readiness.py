"""How far a shop is from a better version: what was judged, what is needed, how long that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.clip.statistics.gate import FEWEST_TO_PROMOTE
from moderation.models import Decision, ReviewItem

from ..queries import cache
from ..registry import versions
from ..release import calibrate, judged_pairs
from ..release.calibrate import HeldBack
from . import training_labels
from .training_labels import Labels

PACE_OF = timedelta(weeks=4)
_NAME = "readiness"


@dataclass(frozen=True)
class Readiness:
    """Verdicts to learn from, those that may judge what was learned, and the pace of these.

    `wrong` and `right` were drawn by lot or judged alike by two people; the gate asks for `needed`
    of either.
    """

    labels: Labels
    wrong: int
    right: int
    waiting: int  # of the random sample
    a_week: float  # more of `wrong`, at the pace of the last weeks
    needed: int = FEWEST_TO_PROMOTE
    calibration: HeldBack | None = None  # where too few were judged to learn from

    @property
    def offers_calibration(self) -> bool:
        """Whether a calibration is proven to gain where a training is out of reach."""
        return self.calibration is not None and self.calibration.passed

    @property
    def is_ready(self) -> bool:
        """Whether a version could be learned, and judged."""
        return self.labels.enough and min(self.wrong, self.right) >= self.needed

    @property
    def sentences(self) -> list[str]:
        """The progress, for people."""
        labels = self.labels
        said = f"{_listings(labels.mismatches, 'wrong')} and {labels.matches:,} right judged"
        if not labels.enough:
            needed = f"{said}; {labels.needed} of each are needed to learn from."
            return [needed, *self._calibration_words()]
        if self.is_ready:
            return [
                f"{said}, {self.wrong} and {self.right} of them by lot or by two people alike. A "
                "new version is judged by those that it has not learned from; it takes "
                f"{self.needed} of each."
            ]
        return [
            f"{said}, {self.wrong} and {self.right} of them by lot or by two people alike. A new "
            f"version is put to work once {self.needed} of each have judged it.",
            self._how_long(),
        ]

    def _calibration_words(self) -> list[str]:
        found = self.calibration
        if found is None:
            return []
        if not found.passed:
            return ["A calibration of P(mismatch) with these decisions is not proven to gain yet."]
        return [
            "A calibration with these decisions lowers the error of P(mismatch) (Brier score) from "
            f"{found.before:.3f} to {found.after:.3f} on held-back ones."
        ]

    def _how_long(self) -> str:
        if self.waiting:
            return f"{self.waiting:,} of the random sample wait in the queue: decide them first."
        more = f"AUDIT_SHARE, now {100 * settings.AUDIT_SHARE:.3g}%, draws more where it is raised."
        missing = self.needed - self.wrong
        if missing <= 0:
            return f"What is missing are right ones. {more}"
        if not self.a_week:
            return f"Too little was judged by lot lately to say when that is. {more}"
        weeks = math.ceil(missing / self.a_week)
        return f"At your pace that is in about {weeks} week{'' if weeks == 1 else 's'}. {more}"


def readiness() -> Readiness:
    """As it is now; of many decisions as it was a moment ago."""
    return cache.value(_NAME, [], _find)


def prepare_readiness() -> None:
    """In the worker: so that no page waits for it."""
    cache.prepare(_NAME, [], _find)


def _find() -> Readiness:
    wrong, right = judged_pairs.counts()
    lately = (
        Decision.objects.labels()
        .by_people()
        .filter(item__in_audit=True, item__second_of=None, verdict=Decision.Verdict.CONFIRM)
        .filter(created_at__gte=timezone.now() - PACE_OF)
    )
    labels = training_labels.counts()
    return Readiness(
        labels=labels,
        wrong=wrong,
        right=right,
        waiting=ReviewItem.objects.open().filter(in_audit=True).count(),
        a_week=lately.count() / (PACE_OF / timedelta(weeks=1)),
        calibration=None if labels.enough else _calibration(),
    )


def _calibration() -> HeldBack | None:
    try:
        return calibrate.held_back(versions.current())
    except ModelError:
        return None  # no model is active


def _listings(count: int, kind: str) -> str:
    return f"{count:,} {kind} listing{'' if count == 1 else 's'}"
