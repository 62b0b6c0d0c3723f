"""What moderators do with an item of the queue: decide, skip, escalate."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation import acts
from moderation.models import Decision, Product, ReviewItem, Skip

from ..integration import webhooks
from ..queries import others
from ..rules import sampling
from . import blind, review_claims, review_queue, second_person

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
Escalation = ReviewItem.Escalation

SKIPS_THAT_ESCALATE = 3
NOTE_LENGTH = 500


class ReviewError(Exception):
    """A review action that cannot be done; `str(error)` is a sentence for the moderator."""


class AlreadyDecided(ReviewError):
    """Somebody else was faster, or the item left the queue."""


def decide(
    item: ReviewItem,
    *,
    moderator: User,
    verdict: str,
    reason: str = "",
    wrong_side: str = "",
    note: str = "",
    photo: int | None = None,
    seconds: float | None = None,
    also: Sequence[int] = (),
    act: uuid.UUID | None = None,
    mode: Decision.Mode = Decision.Mode.QUEUE,
    idempotency_key: str = "",
) -> Decision:
    """Confirm or dismiss an item and close it; where gold is drawn, a second opinion is asked.

    None is asked while nobody else may decide.

    `also` are the keys of similar items that the same verdict holds for: those of the same group
    that are still free are closed too, marked as taken over. One undo takes back a whole `act`.

    `photo` is the number of the photo that does not fit, the main one being 1; without it, and
    where all fit, the decision is about the one that the item was opened for.

    A claim that ran out is no obstacle. Raises `AlreadyDecided` where somebody else took the item
    or it left the queue, and `ReviewError` for a wrong reason or an item that this person may not
    decide.
    """
    _check_reason(verdict, reason)
    item = ReviewItem.objects.get(pk=item.pk)
    _check_allowed(item, moderator=moderator)
    with transaction.atomic():
        similar = _similar(item, also) if photo in (None, 1) else []
        contents = _locked_contents([item, *similar])
        _close(item, moderator=moderator, contents=contents)
        _ask_second_of_gold(item, by=moderator, external_id=contents[item.product_id][1])
        decision = _recorded(
            item,
            moderator=moderator,
            verdict=verdict,
            reason=reason,
            wrong_side=wrong_side,
            note=note,
            photo=_position(item, photo if verdict == Decision.Verdict.CONFIRM else None),
            seconds=seconds,
            mode=mode,
            act=act or (uuid.uuid4() if similar else None),
            idempotency_key=idempotency_key,
        )
        followers = _take_over(decision, similar, contents=contents)
        webhooks.announce([decision, *followers])
        _note(decision, followers)
    return decision


def _note(decision: Decision, followers: Sequence[Decision]) -> None:
    acts.note(
        "decided",
        by=decision.moderator,
        decision=decision.pk,
        item=decision.item_id,
        verdict=decision.verdict,
        reason=decision.reason,
        mode=decision.mode,
        taken_over=[row.pk for row in followers],
    )


def _ask_second_of_gold(item: ReviewItem, *, by: User, external_id: str) -> None:
    is_first = item.second_of_id is None and item.stratum != sampling.PHOTO
    if is_first and sampling.drawn_for_gold(external_id) and second_person.is_there(by):
        review_queue.ask_second(item)


def _recorded(item: ReviewItem, **said: Any) -> Decision:
    """The row of a decision, with the item's way into the queue as it is now."""
    return Decision.objects.create(
        item=item,
        analysis_id=item.analysis_id,
        stratum=item.stratum,
        sampling_probability=item.sampling_probability,
        **{"picked_by": item.picked_by or ReviewItem.Pick.CHOSEN, **said},
    )


def _position(item: ReviewItem, number: int | None) -> int | None:
    """Of the further photo that is meant; None: the main one. Raises `ReviewError`."""
    if number is None:
        return item.asks_of.position if item.asks_of else None
    if number == 1:
        return None
    numbers = [one.number for one in item.analysis.further_photos]
    if number not in numbers:
        there = f"photos 1 to {numbers[-1]}" if numbers else "one photo"
        raise ReviewError(f"There is no photo {number}: the listing has {there}.")
    return number - 1


def _similar(item: ReviewItem, also: Sequence[int]) -> list[ReviewItem]:
    """The items of `also` that belong to this one's group; no blind item belongs to any."""
    if not also or item.group_id is None or item.is_blind:
        return []
    members = ReviewItem.objects.open().not_escalated().in_the_open().filter(group=item.group_id)
    return list(members.filter(pk__in=also).exclude(pk=item.pk).order_by("pk"))


def _locked_contents(items: Sequence[ReviewItem]) -> dict[int, tuple[str, str]]:
    """Lock the items' products, then the items; product -> (content hash now, external id).

    First, as scoring does: no analysis opens another item of them meanwhile.
    """
    products = Product.objects.select_for_update().filter(pk__in=[row.product_id for row in items])
    rows = products.order_by("pk").values_list("pk", "content_hash", "external_id")
    contents = {pk: (content_hash, external_id) for pk, content_hash, external_id in rows}
    # In one order, as a heartbeat that renews all claims of a moderator does.
    review_claims.lock(ReviewItem.objects.filter(pk__in=[row.pk for row in items]))
    return contents


def _close(item: ReviewItem, *, moderator: User, contents: dict[int, tuple[str, str]]) -> None:
    """Take an item out of the queue as decided, or raise `AlreadyDecided` (products locked)."""
    free_or_mine = ReviewItem.objects.free_for(moderator)
    # No other table in this condition: PostgreSQL does not look there again after a lock.
    if not free_or_mine.filter(pk=item.pk, escalated_at=item.escalated_at).update(
        state=DECIDED, **review_claims.FREE
    ):
        raise AlreadyDecided(who_was_faster(item, asking=moderator))
    # The item as it is now: scoring may have moved it between the page and this moment.
    item.refresh_from_db()
    content_hash, _ = contents[item.product_id]
    # What was shown is the analysis' photo and text: it must be what the product still has.
    if item.analysis.content_hash != content_hash:
        raise AlreadyDecided("This item has left the queue: its photo or text changed.")


def _take_over(
    decision: Decision, similar: Sequence[ReviewItem], *, contents: dict[int, tuple[str, str]]
) -> list[Decision]:
    """Close similar items with the same verdict; one that somebody else has claimed is left."""
    rows = []
    for item in similar:
        try:
            with transaction.atomic():
                _close(item, moderator=decision.moderator, contents=contents)
        except AlreadyDecided:
            continue
        rows.append(
            _recorded(
                item,
                moderator=decision.moderator,
                verdict=decision.verdict,
                reason=decision.reason,
                wrong_side=decision.wrong_side,
                mode=Decision.Mode.GROUP,
                picked_by=ReviewItem.Pick.GROUP,
                act=decision.act,
                propagated_from=decision,
            )
        )
    return rows


def _check_reason(verdict: str, reason: str) -> None:
    allowed = Decision.Verdict(verdict).reasons
    if reason not in allowed:
        raise ReviewError(
            f"The reason {reason or 'is missing; it'} does not go with this decision; "
            f"choose one of: {', '.join(str(r.label) for r in allowed)}."
        )


def _check_allowed(item: ReviewItem, *, moderator: User) -> None:
    if problem := review_claims.refusal(item, moderator=moderator):
        raise ReviewError(problem)


def who_was_faster(item: ReviewItem, *, asking: User) -> str:
    """Why an item cannot be had: who decided it, who holds it, or that it left the queue."""
    item = ReviewItem.objects.select_related("claimed_by").get(pk=item.pk)
    last = item.decisions.standing().select_related("moderator").first()
    if item.state == DECIDED and last:
        who = "You have" if last.moderator == asking else f"{last.moderator} has"
        said = "" if blind.is_kept_back(item, user=asking) else f": {last.get_verdict_display()}"
        return f"{who} already decided this item{said}."
    if item.state == OPEN and item.claimed_by:
        return f"{item.claimed_by} has this item in hand now."
    return (
        "This item has left the queue: its photo or text changed, the product was "
        "withdrawn, or it was scored again."
    )


def skip(
    item: ReviewItem,
    *,
    moderator: User,
    reason: str = Skip.Reason.CANNOT_TELL,
    act: uuid.UUID | None = None,
) -> bool:
    """Pass an item on; it does not come back to this moderator. Whether it went to the leads.

    What three people skipped, a lead decides. An undo of the decisions of `act` takes the skip back
    too. Raises `ReviewError` for an unknown reason.
    """
    if reason not in Skip.Reason.values:
        labels = ", ".join(Skip.Reason.values)
        raise ReviewError(f"The reason “{reason[:40]}” is not known; choose one of: {labels}.")
    with transaction.atomic():
        # Locked, so that of two skips at the same moment the second one counts both.
        review_claims.lock(ReviewItem.objects.filter(pk=item.pk))
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(**review_claims.FREE)
        # A lead is given again what they skipped: it is the newest skip that an undo means.
        newest = {"reason": reason, "act": act, "created_at": timezone.now()}
        Skip.objects.update_or_create(item=item, moderator=moderator, defaults=newest)
        if Skip.objects.filter(item=item).count() < SKIPS_THAT_ESCALATE:
            return False
        free = ReviewItem.objects.unclaimed().not_escalated().filter(pk=item.pk)
        to_leads = {"escalated_at": timezone.now(), "escalation": Escalation.SKIPPED}
        return bool(free.update(**to_leads, **review_claims.FREE))


def escalate(item: ReviewItem, *, moderator: User, note: str = "") -> None:
    """Ask a lead to decide an item; the person who asks does not decide it.

    Raises `AlreadyDecided` where somebody else has it, and `ReviewError` where it cannot be.
    """
    if len(note) > NOTE_LENGTH:
        raise ReviewError(f"The note has {len(note)} characters; at most {NOTE_LENGTH} are kept.")
    item = ReviewItem.objects.select_related("analysis").get(pk=item.pk)
    if item.escalated_at is not None:
        raise ReviewError("This item waits for a lead already.")
    leads = others.active_with(review_claims.RESOLVE).exclude(pk=moderator.pk)
    if item.second_of_id is not None:  # the lead who decided first would not be given it
        leads = leads.exclude(decisions__item=item.second_of_id)
    if not leads.exists():
        raise ReviewError("There is no other lead who could decide it: skip it instead.")
    _check_allowed(item, moderator=moderator)
    free_or_mine = ReviewItem.objects.free_for(moderator).not_escalated().filter(pk=item.pk)
    if not free_or_mine.update(
        escalated_at=timezone.now(),
        escalated_by=moderator,
        escalation=Escalation.ASKED,
        escalation_note=note,
        escalated_blind=_was_shown_blind(item),
        **review_claims.FREE,
    ):
        raise AlreadyDecided(who_was_faster(item, asking=moderator))


def _was_shown_blind(item: ReviewItem) -> bool:
    """Whether who has it in hand saw nothing of the model: a new score may have drawn it since."""
    scored, taken = item.analysis.finished_at, item.claimed_at
    return item.is_blind and not (scored and taken and scored > taken)
