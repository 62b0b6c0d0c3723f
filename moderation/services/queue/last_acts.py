"""What a moderator did last, and may still take back: their newest acts.

An act is one press: a decision, a skip, a request to a lead, or several of them on a group of
similar items or a grid.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BigIntegerField, UUIDField, Value
from django.utils import timezone

from moderation.models import Decision, ReviewItem, Skip
from moderation.models.querysets import DecisionQuerySet

AT_MOST = 10
# Who comes back after a day has forgotten what they passed on, and others have not.
PASSED_ON_FOR = timedelta(days=1)
_LARGEST_ACT = 12  # decisions of one's own: a grid; those of a group are taken over


@dataclass(frozen=True)
class Done:
    """A decision and its item, by their keys, and whether it stands."""

    decision: int
    item: int
    stands: bool


@dataclass(frozen=True)
class PassedOn:
    """An item, by its key, that was passed on by a skip (its key), or to a lead (None)."""

    item: int
    skip: int | None


@dataclass
class Act:
    """Decisions and what was passed on, each newest first."""

    at: datetime
    decisions: list[Done] = field(default_factory=list)
    passed_on: list[PassedOn] = field(default_factory=list)

    @property
    def decision(self) -> Done | None:
        """The newest decision that stands."""
        return next((done for done in self.decisions if done.stands), None)

    @property
    def item(self) -> int:
        """The item that an undo shows."""
        return self.decision.item if self.decision else self.passed_on[0].item


def own(moderator: User) -> DecisionQuerySet:
    """What this person decided with their own hands: neither undone rows nor taken over ones."""
    modes = (Decision.Mode.QUEUE, Decision.Mode.API)
    decided = Decision.objects.filter(moderator=moderator, mode__in=modes)
    return decided.exclude(verdict=Decision.Verdict.UNDO)


def of(moderator: User) -> list[Act]:
    """The newest `AT_MOST` acts, newest first, those whose decisions were undone among them.

    What was passed on and taken back leaves no trace.
    """
    acts: dict[object, Act] = {}
    for pk, item, at, act, corrected_by in _decided(moderator):
        done = Done(pk, item, stands=corrected_by is None)
        acts.setdefault(act or ("decision", pk), Act(at)).decisions.append(done)
    for item, at, skip, act in _passed_on(moderator):
        passed = PassedOn(item, skip)
        acts.setdefault(act or ("passed on", skip, item), Act(at)).passed_on.append(passed)
    return sorted(acts.values(), key=lambda act: act.at, reverse=True)[:AT_MOST]


def could_undo(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person's own verdict on the item may still be taken back by them."""
    if not isinstance(user, User):
        return False
    decided = (done for act in of(user) for done in act.decisions)
    return any(done.stands and done.item == item.pk for done in decided)


def newest(moderator: User) -> DecisionQuerySet:
    """For queries: the decisions in which `of` looks for acts, and so all that can be undone."""
    return own(moderator).order_by("-id")[: AT_MOST * _LARGEST_ACT]


def _decided(moderator: User) -> list[tuple[int, int, datetime, uuid.UUID | None, int | None]]:
    columns = ("pk", "item", "created_at", "act", "corrected_by")
    return list(newest(moderator).values_list(*columns))


def _passed_on(moderator: User) -> list[tuple[int, datetime, int | None, uuid.UUID | None]]:
    since = timezone.now() - PASSED_ON_FOR
    skips = Skip.objects.filter(moderator=moderator, created_at__gte=since)
    asked = ReviewItem.objects.open().filter(escalated_by=moderator, escalated_at__gte=since)
    nothing = Value(None, output_field=BigIntegerField()), Value(None, output_field=UUIDField())
    both = skips.values_list("item", "created_at", "pk", "act").union(
        asked.order_by().values_list("pk", "escalated_at", *nothing)
    )
    return list(both.order_by("-created_at"))
