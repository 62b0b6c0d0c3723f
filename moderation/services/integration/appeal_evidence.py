"""What an appeal keeps of the decision it is about, as it was when the appeal was filed."""

from __future__ import annotations

from typing import Any

from moderation.models import Decision


def of(decision: Decision) -> dict[str, Any]:
    """What was judged, what the model said of it, and what was decided, as plain values."""
    analysis = decision.analysis
    product, version = analysis.product, analysis.model_version
    return {
        "product_id": product.external_id,
        "category": product.category.name if product.category else "",
        "seller": product.seller,
        "text": analysis.text,
        "image": analysis.image,
        "image_sha256": analysis.image_sha256,
        "content_hash": analysis.content_hash,
        "similarity": analysis.similarity,
        "p_mismatch": analysis.p_mismatch,
        "threshold": analysis.threshold_used,
        "is_mismatch": bool(analysis.is_mismatch),
        "unreadable": analysis.unreadable,
        "precision": analysis.precision,
        "preparation": analysis.preparation,
        "text_read": analysis.text_read,
        "model_version": version.name,
        "weights_sha256": version.weights_sha256,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "wrong_side": decision.wrong_side,
        "photo": decision.photo_number,
        "note": decision.note,
        "mode": decision.mode,
        "stratum": decision.stratum,
        "picked_by": decision.picked_by,
        "sampling_probability": decision.sampling_probability,
        "decided_at": decision.created_at.isoformat(),
        "moderator_id": decision.moderator_id,
    }
