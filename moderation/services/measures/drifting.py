"""Whether what came in lately is like what came in before: like is compared with like.

Both are judged by the scores, thresholds and verdicts of today, so nothing that was changed by hand
(a threshold, a share of the sample, the model) moves one and not the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from moderation.clip.statistics import drift
from moderation.clip.statistics.catalogue_estimate import Figure, estimate
from moderation.models import Product

from ..estimates import figures, present

# The last weeks are compared with those before.
RECENT_WEEKS, FORMER_WEEKS = 4, 12
RECENT_SCORES, FORMER_SCORES = 2000, 8000
_NAMES = {"prevalence": "share of wrong listings", "precision": "precision of the flags"}


@dataclass(frozen=True)
class Noticed:
    """How large a change of a share would be noticed, in four cases of five."""

    name: str
    points: int  # per cent
    is_watched: bool  # whether that is little enough to say so
    enough: int  # listings in the recent weeks that would do


@dataclass(frozen=True)
class Watch:
    """What has changed, what would be noticed, and what is not watched."""

    alarms: list[str]
    noticed: list[Noticed]
    recent: int  # listings that came in in the recent weeks
    scores: int  # listings with a score; the spread is watched from `scores_from` on
    scores_from: int = 2 * RECENT_SCORES

    @property
    def are_scores_watched(self) -> bool:
        """Whether the spread of the scores is compared."""
        return self.scores >= self.scores_from

    @property
    def is_watched(self) -> bool:
        """Whether anything is."""
        return self.are_scores_watched or any(share.is_watched for share in self.noticed)


def watch(readings: Mapping[date, present.Reading], *, monday: date) -> Watch:
    """`readings` by the week in which products came in; `monday` of the present week."""
    starts = [monday - timedelta(weeks=back) for back in range(RECENT_WEEKS + FORMER_WEEKS)]
    now, before = (
        figures.cells(present.whole(readings[start] for start in part if start in readings))
        for part in (starts[:RECENT_WEEKS], starts[RECENT_WEEKS:])
    )
    told = estimate(before), estimate(now)
    recent = sum(cell.size for cell in now)
    alarms, noticed = [], []
    for what, name in _NAMES.items():
        was, is_now = (getattr(one, what) for one in told)
        if not (isinstance(was, Figure) and isinstance(is_now, Figure)):
            continue
        if drift.share_changed(before, now, what=what):
            alarms.append(_alarm(name, was, is_now))
        noticed.append(_noticed(name, drift.noticed(before, now, what=what), was, recent=recent))
    scores = _scores()
    if _scores_moved(scores):
        alarms.append(
            f"The newest {RECENT_SCORES:,} products score otherwise than those before them: other "
            "products come in, or other photos or texts of them."
        )
    return Watch(alarms, noticed, recent=recent, scores=len(scores))


def _alarm(name: str, was: Figure, is_now: Figure) -> str:
    direction = "risen" if is_now.value > was.value else "fallen"
    return (
        f"The {name} has {direction} from {was.value:.1%} to {is_now.value:.1%} in what came in "
        f"in the last {RECENT_WEEKS} weeks."
    )


def _noticed(name: str, change: float, was: Figure, *, recent: int) -> Noticed:
    """Watched is a share whose doubling, or move by ten points, would be noticed."""
    wanted = max(was.value, 0.1)
    enough = recent * (change / wanted) ** 2  # intervals close with the root of the number
    return Noticed(
        name,
        points=math.ceil(100 * change),
        is_watched=change <= wanted,
        enough=100 * math.ceil(enough / 100),
    )


def _scores() -> np.ndarray:
    """Of the newest products, newest first, those of the version that scored the newest."""
    rows = list(
        Product.objects.present()
        .filter(analysis__similarity__isnull=False)
        .order_by("-pk")
        .values_list("analysis__model_version_id", "analysis__similarity")[
            : RECENT_SCORES + FORMER_SCORES
        ]
    )
    return np.array([score for version, score in rows if version == rows[0][0]])


def _scores_moved(scores: np.ndarray) -> bool:
    if len(scores) < 2 * RECENT_SCORES:
        return False
    return drift.scores_changed(scores[RECENT_SCORES:], scores[:RECENT_SCORES])
