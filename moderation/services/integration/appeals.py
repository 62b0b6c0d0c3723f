"""Appeals: a seller objects to a decision, and somebody who had no part in it decides again.

What the appeal is about is kept as it was, since photo and text may be others by the time somebody
looks. Decisions stay append only: an appeal that succeeds adds a row that corrects the previous
one.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.models import Appeal, Decision, Product

from . import appeal_evidence, webhooks

CONFIRM, DISMISS = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS
OPEN, UPHELD, OVERTURNED = Appeal.State.OPEN, Appeal.State.UPHELD, Appeal.State.OVERTURNED

STATEMENT_LENGTH, ANSWER_LENGTH = 2000, 1000
_NOTE_LENGTH = 500


class AppealError(Exception):
    """What is wrong with an appeal or an answer; `str(error)` is a sentence, `field` its field."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class AppealConflict(AppealError):
    """Not possible in the present state: it was decided, or its decision stands no longer."""


# ── Filing ────────────────────────────────────────────────────────────────────────────────────
def file(
    decision: Decision, *, reference: str, statement: str, filed_by: User | None
) -> tuple[Appeal, bool]:
    """The appeal under this reference, and whether it is new: to file twice is harmless.

    Raises `AppealConflict` where the decision stands no longer, has an open appeal already, or
    the reference is that of another appeal.
    """
    _check_length("statement", statement, most=STATEMENT_LENGTH)
    with transaction.atomic():
        # An undo locks the product, too: either it comes first, or it finds the appeal.
        Product.objects.select_for_update().get(pk=decision.analysis.product_id)
        if (known := Appeal.objects.filter(reference=reference).first()) is not None:
            return _same(known, decision, statement), False
        _check_may_be_appealed(decision)
        if Appeal.objects.filter(decision=decision, state=OPEN).exists():
            raise AppealConflict(
                "This decision has an open appeal already; wait for its answer.", field="decision"
            )
        try:
            with transaction.atomic():
                appeal = Appeal.objects.create(
                    decision=decision,
                    reference=reference,
                    statement=statement,
                    evidence=appeal_evidence.of(decision),
                    filed_by=filed_by,
                )
        except IntegrityError:  # the same reference, about another product, at the same moment
            known = Appeal.objects.get(reference=reference)
            return _same(known, decision, statement), False
    return appeal, True


def _same(known: Appeal, decision: Decision, statement: str) -> Appeal:
    if (known.decision_id, known.statement) != (decision.pk, statement):
        raise AppealConflict(
            "This reference belongs to another appeal; send one of its own.", field="reference"
        )
    return known


def _check_may_be_appealed(decision: Decision) -> None:
    if decision.item.second_of_id is not None:
        raise AppealConflict(
            "This is a second opinion, which changed nothing; appeal against the first decision.",
            field="decision",
        )
    if not stands(decision):
        raise AppealConflict(
            "This decision stands no longer: it was undone or corrected.", field="decision"
        )


def stands(decision: Decision) -> bool:
    """Whether a decision was neither undone nor corrected."""
    return Decision.objects.standing().filter(pk=decision.pk).exists()


# ── Deciding ──────────────────────────────────────────────────────────────────────────────────
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
    _check_length("answer", answer, most=ANSWER_LENGTH)
    verdict = opposite(appeal.decision)
    if overturn and reason not in verdict.reasons:
        labels = ", ".join(str(one.label) for one in verdict.reasons)
        raise AppealError(
            f"The new decision is “{verdict.label}”; choose a reason of: {labels}.", field="reason"
        )
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
            appeal.outcome = _correct(
                appeal.decision,
                by=by,
                reason=reason,
                wrong_side=wrong_side if verdict == CONFIRM else "",
                note=f"Appeal {appeal.reference}: {answer}"[:_NOTE_LENGTH],
            )
            appeal.save(update_fields=["outcome"])
            webhooks.hold_back([appeal.decision])
            webhooks.announce([appeal.outcome])
        webhooks.announce_appeal(appeal)
    return appeal


def close(appeal: Appeal, *, by: User, answer: str) -> Appeal:
    """End an appeal whose decision was taken back meanwhile: overturned, by no new decision.

    Nothing is judged here, so it may be done by a lead who took part in the decision, too: a lead
    who turned the automatic action on also takes its decisions back. Raises `AppealError` for a
    missing answer or right, and `AppealConflict` where the decision stands or somebody else was
    faster.
    """
    _check_length("answer", answer, most=ANSWER_LENGTH)
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
            return "You took part in this decision; its appeal is decided by another person."
        decision = decision.corrects
    return ""


def _no_right(by: User) -> str:
    if by.is_active and by.has_perm("moderation.decide_appeal"):
        return ""
    return f"{by.get_username()} may not decide appeals; a lead may."


def _correct(previous: Decision, *, by: User, reason: str, wrong_side: str, note: str) -> Decision:
    return Decision.objects.create(
        item_id=previous.item_id,
        analysis_id=previous.analysis_id,
        moderator=by,
        verdict=opposite(previous),
        reason=reason,
        wrong_side=wrong_side,
        note=note,
        mode=Decision.Mode.APPEAL,
        stratum=previous.stratum,
        picked_by=previous.picked_by,
        sampling_probability=previous.sampling_probability,
        corrects=previous,
    )


def _check_length(field: str, text: str, *, most: int) -> None:
    if not text.strip():
        raise AppealError(f"The {field} is empty; write one.", field=field)
    if len(text) > most:
        raise AppealError(
            f"The {field} has {len(text)} characters; at most {most} are kept.", field=field
        )
