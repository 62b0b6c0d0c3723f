"""Who holds which item of the queue, and which one comes next.

An item goes into somebody's hands by one conditional UPDATE, so two moderators never hold the same
item. Which item comes next is drawn from the mixture of `mixture`, by a keyed hash of the moderator
and the item they had before: nobody can foresee it, and to ask again gives the same answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from moderation.models import Decision, ReviewItem, Skip
from moderation.models.querysets import ReviewItemQuerySet

from ..rules import mixture
from ..rules.mixture import Arm
from .desk import WHOLE_QUEUE, Desk

Pick = ReviewItem.Pick
RESOLVE = "moderation.resolve_escalation"

_TRIED_AT_ONCE = 10
# What was only fetched ahead comes back sooner; a page gives a sign of life each minute.
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
    drawn = _draw(moderator, desk=desk, after=_last_item(moderator))
    if drawn is not None:
        show(drawn, moderator=moderator)
    return drawn


def reserve(moderator: User, *, ahead: int, desk: Desk = WHOLE_QUEUE) -> list[ReviewItem]:
    """All that this moderator holds, topped up so that `ahead` follow the one in hand.

    What is added is held softly: claimed, so that nobody else is given it, but not seen yet.
    """
    items = held(moderator, desk=desk)
    after = items[-1].pk if items else _last_item(moderator)
    while len(items) < ahead + 1:
        item = _draw(moderator, desk=desk, after=after)
        if item is None:
            break
        items.append(item)
        after = item.pk
    return items


def held(moderator: User, *, desk: Desk = WHOLE_QUEUE) -> list[ReviewItem]:
    """What this moderator holds at this desk: what is in hand, then what was fetched ahead."""
    mine = desk.of(ReviewItem.objects.held_by(moderator))
    return list(mine.order_by(F("shown_at").asc(nulls_last=True), "claimed_at", "id"))


def show(item: ReviewItem, *, moderator: User) -> None:
    """Mark an item as seen by whoever holds it; what they saw before and left is ahead again."""
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
    """Whether a page still has this item, or could take it anew; `renew_all` prolongs what it has.

    A page that was left and opened again may have given back what it shows. What this person
    skipped meanwhile is not taken anew, and how an item was picked stays on record.
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
    """Prolong what this moderator holds: a sign of life is one for what was fetched ahead too."""
    with transaction.atomic():
        mine = ReviewItem.objects.held_by(moderator)
        lock(mine)
        mine.filter(shown_at__isnull=False).update(claimed_until=lease_end())
        mine.filter(shown_at=None).update(claimed_until=soft_lease_end())


def lock(items: ReviewItemQuerySet) -> None:
    """Lock items in the order in which everybody does, so that none waits for another in a ring."""
    list(items.select_for_update().order_by("pk").values_list("pk"))


def release(moderator: User, *, but_of: Desk | None = None) -> int:
    """Give back what this moderator holds, but for what belongs on the desk `but_of`."""
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
        return "You decided this listing before; the second opinion is somebody else's."
    if item.escalated_at is None:
        return ""
    if item.escalated_by_id == moderator.pk:
        return "You asked a lead about this item; somebody else decides it."
    if not moderator.has_perm(RESOLVE):
        return "This item was escalated: it waits for a lead."
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
    """Until when an item that is claimed now stays claimed without a sign of life."""
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


# ── The mixture ───────────────────────────────────────────────────────────────────────────────
def _draw(moderator: User, *, desk: Desk, after: int) -> ReviewItem | None:
    """The item that the mixture gives after another one, held softly."""
    arms = (Arm.SUSPICIOUS,) if desk.escalated else _arms(moderator, after=after)
    for arm in arms:
        while candidates := _candidates(arm, moderator, desk):
            for pk, pick in candidates:
                free = ReviewItem.objects.unclaimed().filter(
                    pk=pk, escalated_at__isnull=not desk.escalated
                )
                if _take(free, moderator=moderator, pick=pick):
                    return ReviewItem.objects.get(pk=pk)
    return None


def _arms(moderator: User, *, after: int) -> tuple[Arm, Arm]:
    ticket = salted_hmac("moderation.queue", f"{moderator.pk} {after}", algorithm="sha256")
    draw = int.from_bytes(ticket.digest()[:6], "big") / 2**48
    return mixture.arms(
        draw, uncertain=settings.QUEUE_UNCERTAIN_SHARE, audit=settings.QUEUE_AUDIT_SHARE
    )


def _last_item(moderator: User) -> int:
    """The item that this moderator decided or skipped last; 0 before the first."""
    decided = (
        Decision.objects.by_people()
        .filter(moderator=moderator)
        .order_by("-id")
        .values_list("created_at", "item_id")
        .first()
    )
    skipped = (
        Skip.objects.filter(moderator=moderator)
        .order_by("-created_at", "-id")
        .values_list("created_at", "item_id")
        .first()
    )
    return max((last for last in (decided, skipped) if last), default=(None, 0))[1]


def _candidates(arm: Arm, moderator: User, desk: Desk) -> list[tuple[int, Pick]]:
    """Free items of an arm for this moderator, best first, each with how it is picked."""
    free = desk.of(ReviewItem.objects.unclaimed())
    if desk.escalated:
        return _escalated(free.not_judged_by(moderator).not_escalated_by(moderator), moderator)
    free = free.not_skipped_by(moderator)
    if arm is Arm.AUDIT:
        return _by_lot(free.not_judged_by(moderator))
    if arm is Arm.UNCERTAIN:
        return [(pk, Pick.UNCERTAIN) for pk in _uncertain(free.in_the_open())]
    best = free.in_the_open().most_suspicious_first()
    return [(pk, Pick.SUSPICIOUS) for pk in best.values_list("pk", flat=True)[:_TRIED_AT_ONCE]]


def _escalated(free: ReviewItemQuerySet, lead: User) -> list[tuple[int, Pick]]:
    """What leads are asked, the longest waiting first; the way into the queue stays on record.

    What this lead skipped comes last, and not never: there may be no other lead.
    """
    first = free.not_skipped_by(lead)
    for items in (first, free):
        rows = items.order_by("escalated_at", "id").values_list("pk", "picked_by")
        if found := rows[:_TRIED_AT_ONCE]:
            return [(pk, Pick(pick or Pick.CHOSEN)) for pk, pick in found]
    return []


def _uncertain(free: ReviewItemQuerySet) -> list[int]:
    pool = list(
        free.order_by("-uncertainty", "id").values_list("pk", "product__category_id")[
            : mixture.UNCERTAIN_POOL
        ]
    )
    by_people = Decision.objects.standing().by_people().order_by("-id")
    lately = by_people.values_list("item__product__category_id", flat=True)
    places = mixture.diverse(
        [category for _, category in pool], lately=list(lately[: mixture.LATELY])
    )
    return [pool[place][0] for place in places[:_TRIED_AT_ONCE]]


def _by_lot(free: ReviewItemQuerySet) -> list[tuple[int, Pick]]:
    """What is judged blind: the drawn and the second opinions, in the lottery's order."""
    drawn = free.filter(in_audit=True, second_of=None).order_by("lottery", "id")
    seconds = free.filter(second_of__isnull=False).order_by("lottery", "id")
    found = [
        (place, pk, pick)
        for items, pick in ((drawn, Pick.AUDIT), (seconds, Pick.SECOND))
        for place, pk in items.values_list("lottery", "pk")[:_TRIED_AT_ONCE]
    ]
    return [(pk, pick) for _, pk, pick in sorted(found)]
