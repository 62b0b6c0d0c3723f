"""Requests that may be sent twice: a key of the caller's own makes the second one harmless."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.request import Request

from moderation.models import Decision

from .errors import invalid

KEY = "Idempotency-Key"
_LENGTH = 100
HEADER = OpenApiParameter(
    KEY,
    {"type": "string", "minLength": 1, "maxLength": _LENGTH, "pattern": r"^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A text of your own for this decision, such as a UUID.",
)


class KeyReused(exceptions.APIException):
    status_code = 422
    default_detail = (
        f"This {KEY} came with another request before; send each decision with one of its own."
    )
    default_code = "key_reused"


def key_of(request: Request) -> str:
    """The key that came with a request, or an empty text; a 400 for an impossible one."""
    key = request.headers.get(KEY, "")
    if len(key) > _LENGTH or not all("!" <= letter <= "~" for letter in key):
        raise invalid(KEY, f"{KEY} is not of 1 to {_LENGTH} visible ASCII characters; send a UUID.")
    return key


def made_before(moderator: User, key: str, wish: dict[str, Any]) -> Decision | None:
    """The decision that this key made before; raises `KeyReused` where it was another one."""
    if not key:
        return None
    made = Decision.objects.filter(moderator=moderator, idempotency_key=key).first()
    if made is not None and any(getattr(made, name) != value for name, value in wish.items()):
        raise KeyReused
    return made
