"""Which item of the queue comes next for somebody.

It is drawn from the mixture of `mixture`, by a keyed hash of the moderator and the item they had
before: nobody can foresee it, and to ask again gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from moderation.models import Decision, ReviewItem, Skip
from moderation.models.querysets import ReviewItemQuerySet

from ..queries import others
from ..rules import mixture
from ..rules.mixture import Arm
from .desk import Desk
from .second_person import RESOLVE

Pick = ReviewItem.Pick

_TRIED_AT_ONCE = 10


def arms(moderator: User, *, desk: Desk, after: int | None) -> Sequence[Arm]:
    """The arms to draw from after an item (None: the last one decided or skipped), in order."""
    if desk.escalated:
        return (Arm.SUSPICIOUS,)
    last = _last_item(moderator) if after is None else after
    digest = salted_hmac("moderation.queue", f"{moderator.pk} {last}", algorithm="sha256")
    draw = int.from_bytes(digest.digest()[:6], "big") / 2**48
    return mixture.arms(
        draw, uncertain=settings.QUEUE_UNCERTAIN_SHARE, audit=settings.QUEUE_AUDIT_SHARE
    )


def candidates(arm: Arm, *, moderator: User, desk: Desk) -> list[tuple[int, Pick]]:
    """Free items of an arm for this moderator, best first, each with how it is picked."""
    free = desk.of(ReviewItem.objects.unclaimed())
    if desk.escalated:
        free = free.not_judged_by(moderator)
        # The other leads whom this one asked may have left: nobody else could decide it then.
        if others.is_another(RESOLVE, than=moderator):
            free = free.not_escalated_by(moderator)
        return _escalated(free, moderator)
    free = free.not_skipped_by(moderator)
    if arm is Arm.AUDIT:
        return _random_sample(free.not_judged_by(moderator))
    if arm is Arm.UNCERTAIN:
        return [(pk, Pick.UNCERTAIN) for pk in _uncertain(free.in_the_open())]
    best = free.in_the_open().most_suspicious_first()
    return [(pk, Pick.SUSPICIOUS) for pk in best.values_list("pk", flat=True)[:_TRIED_AT_ONCE]]


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
        free.order_by("-uncertainty", "id").values_list(
            "pk", "product__category_id", "uncertainty"
        )[: mixture.UNCERTAIN_POOL]
    )
    by_people = Decision.objects.standing().by_people().order_by("-id")
    lately = by_people.values_list("item__product__category_id", flat=True)
    places = mixture.diverse(
        [category for _, category, _ in pool],
        lately=list(lately[: mixture.LATELY]),
        disputed=sum(uncertainty > 1 for *_, uncertainty in pool),
    )
    return [pool[place][0] for place in places[:_TRIED_AT_ONCE]]


def _random_sample(free: ReviewItemQuerySet) -> list[tuple[int, Pick]]:
    """What is judged blind: the drawn and the second opinions, in their random order."""
    drawn = free.filter(in_audit=True, second_of=None).order_by("random_order", "id")
    seconds = free.filter(second_of__isnull=False).order_by("random_order", "id")
    found = [
        (place, pk, pick)
        for items, pick in ((drawn, Pick.AUDIT), (seconds, Pick.SECOND))
        for place, pk in items.values_list("random_order", "pk")[:_TRIED_AT_ONCE]
    ]
    return [(pk, pick) for _, pk, pick in sorted(found)]
