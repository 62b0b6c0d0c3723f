"""What the shop is notified of: complete at that moment, so that nothing is requested later.

The frame is that of Standard Webhooks: `type`, `timestamp`, `data`. No name, no internal note and
no text of the listing leaves the house; people are numbers, content is identified by its hashes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from moderation.models import Appeal, Decision

MADE, CORRECTED = "decision.made", "decision.corrected"
APPEAL_DECIDED, PING = "appeal.decided", "ping"


def event_of(decision: Decision) -> str:
    """A decision that stands in the place of a previous one corrects it."""
    return MADE if decision.corrects_id is None else CORRECTED


def of_decision(decision: Decision, *, event_id: UUID) -> dict[str, Any]:
    """A verdict on a product, with the scores and the model it was made by."""
    analysis = decision.analysis
    version = analysis.model_version
    return _framed(
        event_of(decision),
        event_id=event_id,
        at=decision.created_at,
        data={
            "decision_id": decision.pk,
            "corrects": decision.corrects_id,
            "product_id": analysis.product.external_id,
            "verdict": decision.verdict,
            "reason": decision.reason,
            "wrong_side": decision.wrong_side,
            "photo": decision.photo_number,
            "mode": decision.mode,
            "decided_at": _text(decision.created_at),
            "moderator_id": decision.moderator_id,
            "similarity": analysis.similarity,
            "p_mismatch": analysis.p_mismatch,
            "threshold": analysis.threshold_used,
            "is_mismatch": bool(analysis.is_mismatch),
            "readable": not analysis.unreadable,
            "model_version": version.name,
            "weights_sha256": version.weights_sha256,
            "image_sha256": analysis.image_sha256,
            "content_hash": analysis.content_hash,
        },
    )


def of_appeal(appeal: Appeal, *, event_id: UUID) -> dict[str, Any]:
    """How an appeal ended; the answer is meant for the seller."""
    assert appeal.decided_at is not None  # only decided ones are sent
    return _framed(
        APPEAL_DECIDED,
        event_id=event_id,
        at=appeal.decided_at,
        data={
            "reference": appeal.reference,
            "product_id": appeal.decision.analysis.product.external_id,
            "decision_id": appeal.decision_id,
            "state": appeal.state,
            "answer": appeal.answer,
            "outcome_id": appeal.outcome_id,
            "decided_at": _text(appeal.decided_at),
            "decided_by_id": appeal.decided_by_id,
        },
    )


def of_ping(*, event_id: UUID) -> dict[str, Any]:
    """A test: it reports nothing."""
    return _framed(PING, event_id=event_id, at=timezone.now(), data={})


def _framed(event: str, *, event_id: UUID, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"id": str(event_id), "type": event, "timestamp": _text(at), "data": data}


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
