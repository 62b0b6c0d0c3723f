"""What needs a second person, and whether there is one.

Nobody gives a second opinion on their own decision. So while one person alone may decide, nobody is
asked for any, and what waits for one says so.
"""

from __future__ import annotations

from django.contrib.auth.models import User

from moderation.models import ReviewItem

from ..queries import others

DECIDE = "moderation.add_decision"
RESOLVE = "moderation.resolve_escalation"


def only_person() -> User | None:
    """The one active person who may decide; None where there are several, or nobody."""
    people = list(others.active_with(DECIDE).order_by("pk")[:2])
    return people[0] if len(people) == 1 else None


def is_there(besides: User) -> bool:
    """Whether somebody besides this person may decide."""
    return others.is_another(DECIDE, than=besides)


def waiting() -> int:
    """How many open items wait for a second person while there is none."""
    only = only_person()
    return 0 if only is None else _asked_of_another(only)


def waiting_besides(moderator: User) -> int:
    """The same for somebody who may decide: 0 where there is another one."""
    return 0 if is_there(moderator) else _asked_of_another(moderator)


def _asked_of_another(only: User) -> int:
    items = ReviewItem.objects.open()
    seconds = items.filter(second_of__isnull=False)
    decided_first = seconds.filter(second_of__decisions__moderator=only).values("pk").distinct()
    if only.has_perm(RESOLVE):  # what they asked other leads, who have left, is theirs again
        return decided_first.count()
    asked_a_lead = items.filter(escalated_by=only).exclude(pk__in=decided_first)
    return decided_first.count() + asked_a_lead.count()
