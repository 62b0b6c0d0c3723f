"""How much there is to learn from."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from moderation.clip.finetune.refusals import MIN_OF_EACH
from moderation.models import Decision

from ..datasets import dataset_rows
from ..datasets.dataset import EVERYTHING


@dataclass(frozen=True)
class Labels:
    """Verdicts of people that stand, by what they say."""

    matches: int
    mismatches: int
    needed: int = MIN_OF_EACH

    @property
    def enough(self) -> bool:
        """Whether a training would begin at all."""
        return min(self.matches, self.mismatches) >= self.needed


def counts() -> Labels:
    """The labels that a snapshot taken now could hold (gold, which is set aside, included).

    A second opinion on the same photo and text is no second label, nor is what similar items took
    over of one verdict.
    """
    verdict = Decision.Verdict
    found = (
        dataset_rows.chosen(EVERYTHING)
        .telling()
        .exclude(mode=Decision.Mode.GROUP)
        .aggregate(
            matches=Count("pk", filter=Q(verdict=verdict.DISMISS)),
            mismatches=Count("pk", filter=Q(verdict=verdict.CONFIRM)),
        )
    )
    return Labels(**found)
