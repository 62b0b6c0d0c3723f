"""Who holds which item of the queue, and which one comes next.

An item goes into somebody's hands by one conditional UPDATE, so two moderators never hold the same
item. Which item comes next is drawn from the mixture of `mixture`, by a keyed hash of the moderator
and the item they had before: nobody can foresee it, and to ask again gives the same answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.crypto import salted_hmac

from moderation.models import Decision, ReviewItem, Skip
from moderation.models.querysets import ReviewItemQuerySet

from . import mixture
from .mixture import Arm

Pick = ReviewItem.Pick

_TRIED_AT_ONCE = 10


def claim_next(moderator: User) -> ReviewItem | None:
    """The item in this moderator's hands, or the one that the mixture gives, claimed for them.

    The loser of a race just takes the next one. None where nothing is left for this moderator.
    """
    held = ReviewItem.objects.held_by(moderator).order_by("claimed_until").first()
    if held is not None:
        return held if renew(held, moderator=moderator) else claim_next(moderator)
    for arm in _arms(moderator, after=_last_item(moderator)):
        while candidates := _candidates(arm, moderator):
            for pk, pick in candidates:
                if (
                    ReviewItem.objects.unclaimed()
                    .filter(pk=pk)
                    .update(claimed_by=moderator, claimed_until=lease_end(), picked_by=pick)
                ):
                    return ReviewItem.objects.get(pk=pk)
    return None


def likely_next(moderator: User, *, after: ReviewItem) -> ReviewItem | None:
    """What `claim_next` would give once this item is dealt with; a hint, nothing is claimed."""
    for arm in _arms(moderator, after=after.pk):
        for pk, _pick in _candidates(arm, moderator):
            if pk != after.pk:
                return ReviewItem.objects.select_related("analysis").get(pk=pk)
    return None


def claim(item: ReviewItem, *, moderator: User) -> bool:
    """Take this very item, if it is open, in nobody else's hands and not asked of somebody else."""
    if has_judged_before(item, moderator=moderator):
        return False
    if renew(item, moderator=moderator):
        return True
    # Their own claim that ran out was given by the mixture: only other items are chosen by hand.
    free = ReviewItem.objects.unclaimed().filter(pk=item.pk)
    return bool(
        free.filter(claimed_by=moderator).update(claimed_until=lease_end())
        or free.update(claimed_by=moderator, claimed_until=lease_end(), picked_by=Pick.CHOSEN)
    )


def renew(item: ReviewItem, *, moderator: User) -> bool:
    """Prolong the claim while the moderator looks at the item; False where it was lost."""
    return bool(
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(claimed_until=lease_end())
    )


def release(moderator: User) -> int:
    """Give back everything this moderator holds."""
    return ReviewItem.objects.held_by(moderator).update(claimed_by=None, claimed_until=None)


def has_judged_before(item: ReviewItem, *, moderator: User) -> bool:
    """Whether this is a second opinion on what this moderator decided first."""
    if item.second_of_id is None:
        return False
    return Decision.objects.filter(item_id=item.second_of_id, moderator=moderator).exists()


def lease_end() -> datetime:
    """Until when an item that is claimed now stays claimed without a sign of life."""
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS)


# ── The mixture ───────────────────────────────────────────────────────────────────────────────
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
        .order_by("-id")
        .values_list("created_at", "item_id")
        .first()
    )
    return max((last for last in (decided, skipped) if last), default=(None, 0))[1]


def _candidates(arm: Arm, moderator: User) -> list[tuple[int, Pick]]:
    """Free items of an arm for this moderator, best first, each with how it is picked."""
    free = ReviewItem.objects.unclaimed().not_skipped_by(moderator)
    if arm is Arm.AUDIT:
        return _by_lot(free.not_judged_by(moderator))
    if arm is Arm.UNCERTAIN:
        return [(pk, Pick.UNCERTAIN) for pk in _uncertain(free.in_the_open())]
    best = free.in_the_open().most_suspicious_first()
    return [(pk, Pick.SUSPICIOUS) for pk in best.values_list("pk", flat=True)[:_TRIED_AT_ONCE]]


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
