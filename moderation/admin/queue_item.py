"""What the queue shows of one item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from moderation.models import Decision, ReviewItem
from moderation.services.encoding import margins
from moderation.services.queue import blind, review, review_claims, second_verdicts, similar
from moderation.services.rules import texts_read

from .decision_form import CONFIRM, DISMISS, answers, shown_stamp
from .queue_strip import strip
from .why import why

# Read with the item, in one query.
BY_ITEM = (
    "product__category",
    "analysis__model_version",
    f"analysis__{second_verdicts.WITH_ITS_VERSION}",
    "claimed_by",
    "escalated_by",
    "reopens__analysis",
    "reopens__moderator",
)


def is_in_hand(item: ReviewItem, *, moderator: User) -> bool:
    """Whether this moderator decides it; else its page only shows it."""
    return item.state == review.OPEN and item.claimed_by_id == moderator.pk


def item_context(item: ReviewItem, *, moderator: User, keys: Mapping[str, str]) -> dict[str, Any]:
    """The context of item.html for an item that was read with `BY_ITEM`."""
    in_hand = is_in_hand(item, moderator=moderator)
    is_kept_back = item.is_blind or (not in_hand and blind.is_model_kept_back(item, user=moderator))
    photos = strip(item, tells=not is_kept_back)
    context: dict[str, Any] = {
        "item": item,
        "strip": photos,
        "asks_of": None if is_kept_back else item.asks_of,
        "shown_image": next((p.url for p in photos if p.is_shown), item.analysis.image_url),
        "in_hand": in_hand,
        "keys": keys,
        "text_read": texts_read.read_otherwise(item.analysis),
        "text_parts": texts_read.parts_of(item.analysis),
        "is_kept_back": is_kept_back,
        "lead_note": _note(item, is_kept_back=is_kept_back, reader=moderator),
        "why": None if is_kept_back else why(item),
        "second": None if is_kept_back else second_verdicts.shown(item.analysis),
        "shows_guesses": margins.trusts_guess(item.analysis),
    }
    if not in_hand:
        said = item.decisions.standing().select_related("moderator")
        return context | {
            "decision": None if blind.is_kept_back(item, user=moderator) else said.first(),
            "refusal": review_claims.refusal(item, moderator=moderator),
        }
    return context | {
        "confirm": answers(CONFIRM, keys=keys, default=_likely_reason(context["why"])),
        "dismiss": answers(DISMISS, keys=keys),
        "sides": [(value, label, keys[value]) for value, label in Decision.Side.choices],
        "shown": shown_stamp(item),
        "similar": similar.preview(item, moderator=moderator),
        "skipped": item.skips.select_related("moderator") if item.escalated_at else (),
    }


def _note(item: ReviewItem, *, is_kept_back: bool, reader: User) -> str:
    """What a lead is asked, where this person may read it."""
    if not is_kept_back:
        return item.escalation_note
    hides = not item.is_blind or blind.is_note_kept_back(item, user=reader)
    return "" if hides else item.escalation_note


def _likely_reason(why: dict[str, Any] | None) -> Decision.Reason | None:
    """The reason that the explanation speaks for; None: another product, the first of them."""
    return Decision.Reason.OTHER_COLOUR if why and why["is_colour"] else None
