"""What the queue says of why a listing was flagged, in words: only what the worker has stored."""

from __future__ import annotations

from typing import Any

from moderation.models import Decision, Explanation, ReviewItem
from moderation.services.queue import explain_evidence
from moderation.services.rules import photos
from moderation.templatetags.clipmod import percent

Parts = list[tuple[str, bool]]  # pieces of a text, and whether each is marked


def why(item: ReviewItem) -> dict[str, Any] | None:
    """The context of why.html, in two queries at most; None where there is nothing to say.

    `sentence` says what does not fit, `is_colour` whether that is a colour, `text_parts` is the
    listing's text with the wrong word marked, `suggestion_parts` the corrected one with the new
    word marked, `shares` the colours as (name, share in words), `notes` further sentences,
    `nearest` decided listings. Each is empty where nothing is trusted. A blind item has no why,
    whatever is stored.
    """
    if item.is_blind:
        return None
    stored = Explanation.objects.select_related("analysis").filter(pk=item.analysis_id).first()
    if stored is None or not stored.found:
        return None
    found, text = stored.found, stored.analysis.text
    wrong = found.get("wrong")
    shown = {
        "sentence": _sentence(found),
        "is_colour": bool(wrong) and wrong["kind"] == "colour",
        "text_parts": _marked(text, wrong["spans"]) if wrong else [],
        "shares": [(name, percent(share)) for name, share in wrong.get("shares", [])]
        if wrong
        else [],
        "suggestion_parts": _suggestion(text, wrong, found["suggestion"])
        if wrong and "suggestion" in found
        else [],
        "notes": _notes(found),
        "nearest": _nearest(found.get("nearest", [])),
    }
    if not any(shown.values()):
        return None
    return shown


def _sentence(found: dict[str, Any]) -> str:
    """What does not fit, the kind of product before anything else."""
    wrong, category = found.get("wrong"), found.get("category")
    if wrong and wrong["kind"] == "colour":
        looks_like = " or ".join(wrong["looks_like"])
        return f"“{wrong['word']}” does not fit: the photo looks {looks_like}."
    if wrong:
        return f"The photo does not look like “{wrong['word']}”."
    return f"The photo does not look like its category, {category['name']}." if category else ""


def _marked(text: str, spans: list[list[int]]) -> Parts:
    parts, end = [], 0
    for start, stop in spans:
        parts += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [part for part in [*parts, (text[end:], False)] if part[0]]


def _suggestion(text: str, wrong: dict[str, Any], suggestion: str) -> Parts:
    """The corrected text with the new word marked; it stands wherever the wrong one stood."""
    taken = sum(stop - start for start, stop in wrong["spans"])
    length = (len(suggestion) - len(text) + taken) // len(wrong["spans"])
    spans, moved = [], 0
    for start, stop in wrong["spans"]:
        spans.append([start + moved, start + moved + length])
        moved += length - (stop - start)
    return _marked(suggestion, spans)


def _notes(found: dict[str, Any]) -> list[str]:
    notes = []
    if "wrong" in found and (category := found.get("category")):
        notes.append(f"The photo does not look like its category either, {category['name']}.")
    if standing := found.get("standing"):
        notes.append(
            f"Of {standing['of']:,} listings in {standing['category']}, "
            f"{percent(standing['lower']) if standing['lower'] else 'none'} "
            f"score{'' if standing['lower'] else 's'} lower."
        )
    return notes


def _nearest(near: list[tuple[int, float]]) -> list[dict[str, Any]]:
    """Those that still stand and may still be shown; the model's own guesses are none of them."""
    if not near:
        return []
    rows = explain_evidence.shown([decision for decision, _ in near])
    return [
        {
            "item": row["item_id"],
            "product_id": row["item__product__external_id"],
            "text": row["analysis__text"],
            "image_url": photos.url(row["analysis__image"]),
            "verdict": row["verdict"],
            "said": _said(row["verdict"], row["reason"]),
            "similarity": similarity,
        }
        for decision, similarity in near
        if (row := rows.get(decision))
    ]


def _said(verdict: str, reason: str) -> str:
    """A verdict in the words of the queue: "Mismatch: colour or pattern differs"."""
    said = "Mismatch" if verdict == Decision.Verdict.CONFIRM else "Let pass"
    return f"{said}: {Decision.Reason(reason).label.lower()}" if reason else said
