"""One signed HTTP request to an address of the shop: Standard Webhooks 1.0.

The signature is HMAC-SHA256 over `id.timestamp.body`
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from .guarded_http import FetchError, GuardedClient

SECRET_PREFIX = "whsec_"


class NotAnswered(Exception):
    """No HTTP answer came; `str(error)` says why."""


@dataclass(frozen=True)
class HttpAnswer:
    """The status of an answer; what it says is not read."""

    status: int

    @property
    def problem(self) -> str:
        """Why the message does not count as delivered, or nothing."""
        if 200 <= self.status < 300:
            return ""
        if 300 <= self.status < 400:
            return f"Answered {self.status}: redirects are not followed; give the final address."
        return f"Answered {self.status}; only 200 to 299 counts as delivered."


# ── The message ───────────────────────────────────────────────────────────────────────────────
def body_of(payload: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent: the same for the same payload, in every database."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()


def shown_secret(secret: str) -> str:
    """A stored secret as receivers' libraries take it: `whsec_` and the key in base64."""
    return SECRET_PREFIX + base64.b64encode(_key(secret)).decode()


def signature(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    """The 32 bytes that `secrets.token_urlsafe(32)` wrote down."""
    return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))


# ── The request ───────────────────────────────────────────────────────────────────────────────
def post(url: str, *, secret: str, event_id: str, payload: dict[str, Any]) -> HttpAnswer:
    """Send one message and wait for the answer's status, `WEBHOOK_TIMEOUT_SECONDS` at most.

    Raises `NotAnswered`, also where the address must not be asked and nothing was sent.
    """
    body, timestamp = body_of(payload), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, event_id=event_id, timestamp=timestamp, body=body),
    }
    seconds = settings.WEBHOOK_TIMEOUT_SECONDS
    client = GuardedClient(
        allow_private=settings.WEBHOOK_ALLOW_PRIVATE, connect_seconds=seconds, read_seconds=seconds
    )
    try:
        with client:
            return HttpAnswer(client.post(url, body=body, headers=headers, seconds=seconds))
    except FetchError as error:
        raise NotAnswered(str(error)) from error
