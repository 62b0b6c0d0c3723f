"""Who holds which item of the queue; which one comes next says `queue_order`.

An item goes into somebody's hands by one conditional UPDATE, so two moderators never hold the same
item.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from moderation.models import Decision, ReviewItem
from moderation.models.querysets import ReviewItemQuerySet

from ..queries import others
from . import queue_order, second_person
from .desk import WHOLE_QUEUE, Desk

Pick = ReviewItem.Pick
RESOLVE = second_person.RESOLVE

# What was only fetched ahead comes back sooner; a page sends a heartbeat each minute.
_SOFT_SECONDS = 90


def claim_next(moderator: User, *, desk: Desk = WHOLE_QUEUE) -> ReviewItem | None:
    """The item in this moderator's hands, or the one that the mixture gives, claimed for them.

    What was fetched ahead comes first, in the order in which it was fetched. The loser of a race
    just takes the next one. None where nothing is left for this moderator.
    """
    for item in held(moderator, desk=desk):
        if renew(item, moderator=moderator):
            show(item, moderator=moderator)
            return item
    drawn = _draw(moderator, desk=desk, after=None)
    if drawn is not None:
        show(drawn, moderator=moderator)
    return drawn


def reserve(moderator: User, *, ahead: int, desk: Desk = WHOLE_QUEUE) -> list[ReviewItem]:
    """All that this moderator holds, topped up so that `ahead` follow the current one.

    What is added is held softly: claimed, so that nobody else is given it, but not seen yet.
    """
    items = held(moderator, desk=desk)
    after = items[-1].pk if items else None
    while len(items) < ahead + 1:
        item = _draw(moderator, desk=desk, after=after)
        if item is None:
            break
        items.append(item)
        after = item.pk
    return items


def held(moderator: User, *, desk: Desk = WHOLE_QUEUE) -> list[ReviewItem]:
    """What this moderator holds at this desk: the current item, then what was fetched ahead."""
    mine = desk.of(ReviewItem.objects.held_by(moderator))
    return list(mine.order_by(F("shown_at").asc(nulls_last=True), "claimed_at", "id"))


def show(item: ReviewItem, *, moderator: User) -> None:
    """Mark an item as seen by the person holding it; what they saw before is ahead again."""
    mine = ReviewItem.objects.held_by(moderator)
    mine.exclude(pk=item.pk).filter(shown_at__isnull=False).update(shown_at=None)
    mine.filter(pk=item.pk, shown_at=None).update(
        shown_at=timezone.now(), claimed_until=lease_end()
    )


def claim(item: ReviewItem, *, moderator: User) -> bool:
    """Take this very item, if it is open, in nobody else's hands and not asked of somebody else."""
    if refusal(item, moderator=moderator):
        return False
    if not renew(item, moderator=moderator):
        # Their own claim that ran out was given by the mixture: only others are chosen by hand.
        free = ReviewItem.objects.unclaimed().filter(pk=item.pk)
        claimed = free.filter(claimed_by=moderator).update(claimed_until=lease_end())
        if not claimed and not _take(free, moderator=moderator, pick=Pick.CHOSEN):
            return False
    show(item, moderator=moderator)
    return True


def keep(item: ReviewItem, *, moderator: User) -> bool:
    """Whether a page still has this item, or could take it again; `renew_all` prolongs what it has.

    A page that was left and opened again may have given back what it shows. What this person
    skipped meanwhile is not taken again, and how an item was picked stays on record.
    """
    if ReviewItem.objects.held_by(moderator).filter(pk=item.pk).exists():
        return True
    if refusal(item, moderator=moderator) or item.skips.filter(moderator=moderator).exists():
        return False
    free = ReviewItem.objects.unclaimed().filter(pk=item.pk)
    return _take(free, moderator=moderator, pick=Pick(item.picked_by or Pick.CHOSEN))


def renew(item: ReviewItem, *, moderator: User) -> bool:
    """Prolong the claim while the moderator looks at the item; False where it was lost."""
    return bool(
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(claimed_until=lease_end())
    )


def renew_all(moderator: User) -> None:
    """Prolong what this moderator holds: a heartbeat counts for what was fetched ahead, too."""
    with transaction.atomic():
        mine = ReviewItem.objects.held_by(moderator)
        lock(mine)
        mine.filter(shown_at__isnull=False).update(claimed_until=lease_end())
        mine.filter(shown_at=None).update(claimed_until=soft_lease_end())


def lock(items: ReviewItemQuerySet) -> None:
    """Lock items in the order in which everybody does, so that none waits for another in a ring."""
    list(items.select_for_update().order_by("pk").values_list("pk"))


def release(moderator: User, *, but_of: Desk | None = None) -> int:
    """Give back what this moderator holds, except what belongs on the desk `but_of`."""
    mine = ReviewItem.objects.held_by(moderator)
    if but_of is not None:
        kept = but_of.of(ReviewItem.objects.held_by(moderator))
        mine = mine.exclude(pk__in=kept.values("pk"))
    ids = list(mine.order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    with transaction.atomic():
        given = ReviewItem.objects.held_by(moderator).filter(pk__in=ids)
        lock(given)
        return given.update(**FREE)


def refusal(item: ReviewItem, *, moderator: User) -> str:
    """Why this person may not decide this item, as a sentence; empty where they may."""
    if has_judged_before(item, moderator=moderator):
        if second_person.is_there(moderator):
            return "You decided this listing before; the second opinion is somebody else's."
        return (
            "You decided this listing before; the second opinion needs a second person, and you "
            "are the only one who may decide."
        )
    if item.escalated_at is None:
        return ""
    is_another = others.is_another(RESOLVE, than=moderator)
    if item.escalated_by_id == moderator.pk and is_another:
        return "You asked a lead about this item; somebody else decides it."
    if not moderator.has_perm(RESOLVE):
        if is_another:
            return "This item was escalated: it waits for a lead."
        return "This item was escalated: it waits for a lead, and there is none now."
    return ""


def has_judged_before(item: ReviewItem, *, moderator: User) -> bool:
    """Whether this is a second opinion on what this moderator decided first."""
    if item.second_of_id is None:
        return False
    return Decision.objects.filter(item_id=item.second_of_id, moderator=moderator).exists()


FREE: dict[str, None] = {
    "claimed_by": None,
    "claimed_until": None,
    "claimed_at": None,
    "shown_at": None,
}


def in_hand(moderator: User) -> dict[str, Any]:
    """The fields of an item that this person sees from now on."""
    now = timezone.now()
    return {
        "claimed_by": moderator,
        "claimed_until": lease_end(),
        "claimed_at": now,
        "shown_at": now,
    }


def lease_end() -> datetime:
    """Until when an item that is claimed now stays claimed without a heartbeat."""
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS)


def soft_lease_end() -> datetime:
    """The same for what was only fetched ahead."""
    seconds = min(_SOFT_SECONDS, settings.REVIEW_LEASE_SECONDS)
    return timezone.now() + timedelta(seconds=seconds)


def _take(free: ReviewItemQuerySet, *, moderator: User, pick: Pick) -> bool:
    """Put a free item into somebody's hands: one conditional UPDATE, which one of many wins."""
    return bool(
        free.update(
            claimed_by=moderator,
            claimed_until=soft_lease_end(),
            claimed_at=timezone.now(),
            shown_at=None,
            picked_by=pick,
        )
    )


def _draw(moderator: User, *, desk: Desk, after: int | None) -> ReviewItem | None:
    """The item that the mixture gives after another one (None: the last act), held softly."""
    for arm in queue_order.arms(moderator, desk=desk, after=after):
        while candidates := queue_order.candidates(arm, moderator=moderator, desk=desk):
            for pk, pick in candidates:
                free = ReviewItem.objects.unclaimed().filter(
                    pk=pk, escalated_at__isnull=not desk.escalated
                )
                if _take(free, moderator=moderator, pick=pick):
                    return ReviewItem.objects.get(pk=pk)
    return None
