"""What a moderator may still take back: the decisions of their newest acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User

from moderation.models import Decision, ReviewItem
from moderation.models.querysets import DecisionQuerySet

AT_MOST = 10
_LARGEST_ACT = 24  # decisions of one's own, in one press


@dataclass(frozen=True)
class Done:
    """A decision and its item, by their keys, and whether it stands."""

    decision: int
    item: int
    at: datetime
    stands: bool


@dataclass(frozen=True)
class LastActs:
    """The decisions of the newest acts, newest first; `is_full` where there are `AT_MOST` acts."""

    decisions: list[Done]
    is_full: bool

    def last_standing(self) -> Done | None:
        return next((done for done in self.decisions if done.stands), None)

    def reach_back_to(self, at: datetime) -> bool:
        """Whether something else that was done at this moment counts as one of the last acts."""
        return not self.is_full or at >= self.decisions[-1].at


def own(moderator: User) -> DecisionQuerySet:
    """What this person decided with their own hands: neither undone rows nor taken over ones."""
    modes = (Decision.Mode.QUEUE, Decision.Mode.API)
    decided = Decision.objects.filter(moderator=moderator, mode__in=modes)
    return decided.exclude(verdict=Decision.Verdict.UNDO)


def of(moderator: User) -> LastActs:
    """The last acts of this person, in one query."""
    columns = ("pk", "item", "created_at", "act", "corrected_by")
    newest = own(moderator).order_by("-id").values_list(*columns)[: AT_MOST * _LARGEST_ACT]
    acts: set[object] = set()
    found: list[Done] = []
    for pk, item, at, act, corrected_by in newest:
        if (act or pk) not in acts and len(acts) == AT_MOST:
            break
        acts.add(act or pk)
        found.append(Done(pk, item, at, stands=corrected_by is None))
    return LastActs(found, is_full=len(acts) == AT_MOST)


def could_undo(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person's own verdict on the item may still be taken back by them."""
    if not isinstance(user, User):
        return False
    return any(done.stands and done.item == item.pk for done in of(user).decisions)
