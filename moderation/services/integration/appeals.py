"""Appeals: a seller objects to a decision, and somebody who had no part in it decides again.

What the appeal is about is kept as it was, since photo and text may be others by the time somebody
looks. Decisions stay append only: an appeal that succeeds adds a row that corrects the previous
one.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation import acts
from moderation.models import Appeal, Decision, Product

from ..queries import others
from . import webhooks

CONFIRM, DISMISS = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS
OPEN, UPHELD, OVERTURNED = Appeal.State.OPEN, Appeal.State.UPHELD, Appeal.State.OVERTURNED

DECIDE_APPEAL = "moderation.decide_appeal"
ANSWER_LENGTH = 1000
_NOTE_LENGTH = 500


class AppealError(Exception):
    """What is wrong with an appeal or an answer; `str(error)` is a sentence, `field` its field."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class AppealConflict(AppealError):
    """Not possible in the present state: it was decided, or its decision stands no longer."""


def check_length(field: str, text: str, *, most: int) -> None:
    """Raises `AppealError` for an empty text, or one of more than `most` characters."""
    if not text.strip():
        raise AppealError(f"The {field} is empty; write one.", field=field)
    if len(text) > most:
        raise AppealError(
            f"The {field} has {len(text)} characters; at most {most} are kept.", field=field
        )


def stands(decision: Decision) -> bool:
    """Whether a decision was neither undone nor corrected."""
    return Decision.objects.standing().filter(pk=decision.pk).exists()


def decide(
    appeal: Appeal,
    *,
    by: User,
    overturn: bool,
    answer: str,
    reason: str = "",
    wrong_side: str = "",
) -> Appeal:
    """Uphold or overturn the decision; the answer is for the seller.

    Overturned, the opposite verdict is added, with a `reason` that goes with it; the item stays
    decided. What was not sent yet of the previous one is not sent any more. Raises
    `AppealError` for a missing answer or reason, or where `by` had a part in the decision, and
    `AppealConflict` where somebody else was faster or it stands no longer; then `close` is left.
    """
    check_length("answer", answer, most=ANSWER_LENGTH)
    verdict = opposite(appeal.decision)
    if overturn:
        _check_reason(verdict, reason)
    if wrong_side and wrong_side not in Decision.Side.values:
        raise AppealError("Choose photo, text or both, or leave it out.", field="wrong_side")
    if refusal := why_not(appeal, by=by):
        raise AppealError(refusal)
    with transaction.atomic():
        _answer(appeal, by=by, state=OVERTURNED if overturn else UPHELD, answer=answer)
        if not stands(appeal.decision):
            raise AppealConflict(
                "This decision stands no longer: it was undone or corrected; close the appeal."
            )
        appeal.refresh_from_db()
        if overturn:
            wrong_side = wrong_side if verdict == CONFIRM else ""
            _overturn(appeal, by=by, reason=reason, wrong_side=wrong_side)
        webhooks.announce_appeal(appeal)
        acts.note(
            "answered an appeal",
            by=by,
            appeal=appeal.pk,
            state=appeal.state,
            decision=appeal.outcome_id,
        )
    return appeal


def _check_reason(verdict: Decision.Verdict, reason: str) -> None:
    if reason not in verdict.reasons:
        labels = ", ".join(str(one.label) for one in verdict.reasons)
        raise AppealError(
            f"The new decision is “{verdict.label}”; choose a reason of: {labels}.", field="reason"
        )


def close(appeal: Appeal, *, by: User, answer: str) -> Appeal:
    """End an appeal whose decision was taken back meanwhile: overturned, by no new decision.

    Nothing is judged here, so it may be done by a lead who took part in the decision, too: a lead
    who turned the automatic action on also takes its decisions back. Raises `AppealError` for a
    missing answer or right, and `AppealConflict` where the decision stands or somebody else was
    faster.
    """
    check_length("answer", answer, most=ANSWER_LENGTH)
    if refusal := _no_right(by):
        raise AppealError(refusal)
    with transaction.atomic():
        _answer(appeal, by=by, state=OVERTURNED, answer=answer)
        if stands(appeal.decision):
            raise AppealConflict("This decision stands; uphold or overturn it.")
        appeal.refresh_from_db()
        webhooks.announce_appeal(appeal)
    return appeal


def _answer(appeal: Appeal, *, by: User, state: Appeal.State, answer: str) -> None:
    """Write down who ended an open appeal and how, with its product locked."""
    # First, as every writer of decisions does.
    Product.objects.select_for_update().get(pk=appeal.decision.analysis.product_id)
    if not Appeal.objects.filter(pk=appeal.pk, state=OPEN).update(
        state=state, decided_by=by, decided_at=timezone.now(), answer=answer
    ):
        appeal.refresh_from_db()
        raise AppealConflict(
            f"{appeal.decided_by} has already decided this appeal: "
            f"{appeal.get_state_display().lower()}."
        )


def opposite(decision: Decision) -> Decision.Verdict:
    """The verdict that overturns this one."""
    return DISMISS if decision.verdict == CONFIRM else CONFIRM


def why_not(appeal: Appeal, *, by: User) -> str:
    """Why this person may not decide an appeal, or nothing."""
    if refusal := _no_right(by):
        return refusal
    decision: Decision | None = appeal.decision
    while decision is not None:
        if decision.moderator_id == by.pk:
            if others.is_another(DECIDE_APPEAL, than=by):
                return "You took part in this decision; its appeal is decided by another person."
            return (
                "You took part in this decision; its appeal needs a second person, and you are the "
                "only one who may decide appeals."
            )
        decision = decision.corrects
    return ""


def _no_right(by: User) -> str:
    if by.is_active and by.has_perm(DECIDE_APPEAL):
        return ""
    return f"{by.get_username()} may not decide appeals; a lead may."


def _overturn(appeal: Appeal, *, by: User, reason: str, wrong_side: str) -> None:
    """Add the decision that corrects the previous one, and notify the shop of it instead."""
    previous = appeal.decision
    appeal.outcome = Decision.objects.create(
        item_id=previous.item_id,
        analysis_id=previous.analysis_id,
        moderator=by,
        verdict=opposite(previous),
        reason=reason,
        wrong_side=wrong_side,
        photo=previous.photo,
        note=f"Appeal {appeal.reference}: {appeal.answer}"[:_NOTE_LENGTH],
        mode=Decision.Mode.APPEAL,
        stratum=previous.stratum,
        picked_by=previous.picked_by,
        sampling_probability=previous.sampling_probability,
        corrects=previous,
    )
    appeal.save(update_fields=["outcome"])
    webhooks.hold_back([previous])
    webhooks.announce([appeal.outcome])
