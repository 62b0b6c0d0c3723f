"""What a moderator may still take back: the decisions of their newest acts."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User

from moderation.models import Decision, ReviewItem
from moderation.models.querysets import DecisionQuerySet

AT_MOST = 10
_LARGEST_ACT = 24  # decisions of one's own, in one press


def own(moderator: User) -> DecisionQuerySet:
    """What this person decided with their own hands: neither undone rows nor taken over ones."""
    modes = (Decision.Mode.QUEUE, Decision.Mode.API)
    decided = Decision.objects.filter(moderator=moderator, mode__in=modes)
    return decided.exclude(verdict=Decision.Verdict.UNDO)


def of_the_last_acts(moderator: User) -> list[int]:
    """The decisions, standing or not, of this person's newest `AT_MOST` acts."""
    newest = own(moderator).order_by("-id").values_list("pk", "act")
    acts: dict[object, list[int]] = {}
    for pk, act in newest[: AT_MOST * _LARGEST_ACT]:
        if (act or pk) not in acts and len(acts) == AT_MOST:
            break
        acts.setdefault(act or pk, []).append(pk)
    return [pk for act in acts.values() for pk in act]


def could_undo(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person's own verdict on the item may still be taken back by them."""
    if not isinstance(user, User):
        return False
    last = of_the_last_acts(user)
    return Decision.objects.standing().filter(pk__in=last, item=item).exists()
