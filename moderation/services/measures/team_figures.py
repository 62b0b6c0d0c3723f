"""What each moderator did in a period: a help to notice what is hard, no ranking.

Working time is guessed from the time between the acts of a person (verdicts, undos, skips), without
what must have been breaks: `working_time`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, F, QuerySet
from django.db.models.functions import Floor
from django.utils import timezone

from moderation.clip.statistics.catalogue_estimate import Figure
from moderation.clip.statistics.labelled_scores import wilson
from moderation.models import Decision, ReviewItem, Skip

from ..queries import cache
from .working_time import working_time

PERIODS = (1, 7, 30)  # days
# With less working time, a speed would be an accident.
LEAST_ACTIVE = timedelta(minutes=10)
MOST_PAIRS = 2_000
CONFIRM, DISMISS, UNDO = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS, Decision.Verdict.UNDO


@dataclass(frozen=True)
class Figures:
    """One person's period. None: too little to tell."""

    name: str
    decisions: int
    active: timedelta | None
    median_seconds: float | None
    confirmed: Figure | None  # share of the verdicts
    skips: int
    escalations: int
    undone: int
    pairs: int  # judged by two, of which this person was one
    agreement: Figure | None

    @property
    def per_hour(self) -> float | None:
        """Verdicts per hour of working time."""
        if self.active is None or self.active < LEAST_ACTIVE:
            return None
        return self.decisions / (self.active / timedelta(hours=1))

    @property
    def undo_share(self) -> float | None:
        """Undone verdicts among all."""
        return min(self.undone / self.decisions, 1.0) if self.decisions else None


@dataclass
class _Acts:
    """What is added up for one person."""

    verdicts: Counter[str] = field(default_factory=Counter)
    tenths: Counter[int] = field(default_factory=Counter)  # verdicts by their tenths of a second
    gaps: Counter[int] = field(default_factory=Counter)  # times between acts, by their tenths
    skips: int = 0
    escalations: int = 0
    pairs: int = 0
    alike: int = 0


def team_figures(*, days: int, only: User | None = None) -> list[Figures]:
    """Everybody who did something in the last days, by name; or `only` this person."""
    return cache.value(
        "team", [days, only.pk if only else None], lambda: _figures(days=days, only=only)
    )


def _figures(*, days: int, only: User | None) -> list[Figures]:
    since = timezone.now() - timedelta(days=days)
    acts: defaultdict[int, _Acts] = defaultdict(_Acts)
    if only is not None:
        acts[only.pk]
    _add_decisions(acts, since, only)
    _add_others(acts, since, only)
    _add_gaps(acts, since, only)
    _add_pairs(acts, since)
    names = dict(User.objects.filter(pk__in=acts).values_list("pk", "username"))
    if only is not None:
        names = {only.pk: only.get_username()}
    return sorted(
        (_of_one(name, acts[pk]) for pk, name in names.items()), key=lambda one: one.name.casefold()
    )


def _add_decisions(acts: dict[int, _Acts], since: datetime, only: User | None) -> None:
    """Verdicts and undos by hand; what was taken over for similar items cost nobody any time."""
    rows = Decision.objects.filter(created_at__gte=since, mode=Decision.Mode.QUEUE).order_by()
    tenths = Floor(F("seconds") * 10)
    for moderator, verdict, tenth, number in (
        _of(rows, only)
        .values_list("moderator", "verdict", tenths)
        .annotate(number=Count("pk"))
        .order_by()
    ):
        acts[moderator].verdicts[verdict] += number
        if tenth is not None and verdict != UNDO:
            acts[moderator].tenths[int(tenth)] += number


def _add_others(acts: dict[int, _Acts], since: datetime, only: User | None) -> None:
    skips = _of(Skip.objects.filter(created_at__gte=since), only)
    for moderator, number in skips.values_list("moderator").annotate(number=Count("pk")):
        acts[moderator].skips = number
    escalated = ReviewItem.objects.filter(
        escalated_by__isnull=False, escalated_at__gte=since, escalation=ReviewItem.Escalation.ASKED
    ).order_by()
    if only is not None:
        escalated = escalated.filter(escalated_by=only)
    for asker, number in escalated.values_list("escalated_by").annotate(number=Count("pk")):
        if asker is not None:
            acts[asker].escalations = number


# How often each time between one act and the next occurs per person, in tenths of a second.
_GAPS = """
SELECT moderator_id, gap, COUNT(*) FROM (
    SELECT moderator_id, {tenths} AS gap FROM (
        SELECT moderator_id, created_at AS done,
            LAG(created_at) OVER (PARTITION BY moderator_id ORDER BY created_at) AS before
        FROM (
            SELECT moderator_id, created_at FROM moderation_decision
            WHERE created_at >= %(since)s AND mode = 'queue'
            UNION ALL
            SELECT moderator_id, created_at FROM moderation_skip WHERE created_at >= %(since)s
        ) AS acts
    ) AS following WHERE before IS NOT NULL
) AS gaps {where} GROUP BY moderator_id, gap
"""
_TENTHS = {
    "postgresql": "ROUND(10 * EXTRACT(EPOCH FROM done - before))::bigint",
    "sqlite": "CAST(ROUND(864000 * (julianday(done) - julianday(before))) AS INTEGER)",
}


def _add_gaps(acts: dict[int, _Acts], since: datetime, only: User | None) -> None:
    where = "" if only is None else "WHERE moderator_id = %(only)s"
    values = {
        "since": connection.ops.adapt_datetimefield_value(since),
        "only": only.pk if only else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GAPS.format(where=where, tenths=_TENTHS[connection.vendor]), values)
        for moderator, tenths, number in cursor.fetchall():
            acts[moderator].gaps[int(tenths)] = number


def _add_pairs(acts: dict[int, _Acts], since: datetime) -> None:
    """Verdicts of two people on the same pair, blind to each other, requested since then.

    Of the newest pairs, excluded where one of the two could not tell. Only those people count who
    did something in the period.
    """
    asked = ReviewItem.objects.filter(second_of__isnull=False, opened_at__gte=since)
    pairs = list(asked.order_by("-opened_at").values_list("second_of", "pk")[:MOST_PAIRS])
    in_pairs = [item for pair in pairs for item in pair]
    labels = Decision.objects.labels().filter(item__in=in_pairs).order_by("pk")
    said = {
        item: (moderator, verdict)
        for item, moderator, verdict in labels.values_list("item", "moderator", "verdict")
    }
    for first, second in pairs:
        if first in said and second in said:
            for moderator in {said[first][0], said[second][0]} & set(acts):
                acts[moderator].pairs += 1
                acts[moderator].alike += said[first][1] == said[second][1]


def _of(rows: QuerySet, only: User | None) -> QuerySet:
    return rows if only is None else rows.filter(moderator=only)


def _of_one(name: str, acts: _Acts) -> Figures:
    decisions = acts.verdicts[CONFIRM] + acts.verdicts[DISMISS]
    return Figures(
        name=name,
        decisions=decisions,
        active=working_time(acts.gaps),
        median_seconds=_median(acts.tenths),
        confirmed=share(acts.verdicts[CONFIRM], decisions),
        skips=acts.skips,
        escalations=acts.escalations,
        undone=acts.verdicts[UNDO],
        pairs=acts.pairs,
        agreement=share(acts.alike, acts.pairs),
    )


def _median(tenths: Counter[int]) -> float | None:
    """Seconds, to a tenth, from how often each tenth occurs."""
    half = sum(tenths.values()) / 2
    so_far = 0
    for tenth in sorted(tenths):
        so_far += tenths[tenth]
        if so_far >= half:
            return tenth / 10
    return None


def share(number: int, of: int) -> Figure | None:
    """A share with Wilson's 95% interval; None of nothing."""
    if not of:
        return None
    return Figure(number / of, *wilson(number / of, of, confidence=0.95))
