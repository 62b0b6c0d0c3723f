"""Filing an appeal, with what it is about kept as it was."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from moderation.models import Appeal, Decision, Product

from . import appeal_evidence
from .appeals import OPEN, AppealConflict, check_length, stands

STATEMENT_LENGTH = 2000


def file(
    decision: Decision, *, reference: str, statement: str, filed_by: User | None
) -> tuple[Appeal, bool]:
    """The appeal under this reference, and whether it is new: to file twice is harmless.

    Raises `AppealConflict` where the decision stands no longer, has an open appeal already, or
    the reference is that of another appeal.
    """
    check_length("statement", statement, most=STATEMENT_LENGTH)
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
