"""Who did what, in the log: a line for each act, with the keys of its rows and nobody's name."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from clipmod import proxy

logger = logging.getLogger(__name__)


def note(act: str, *, by: User | None, **keys: object) -> None:
    """Log an act once it is committed; without `by` it was a command or clipmod itself."""
    fields = {"user": by.pk if by else None, **keys}
    words = " ".join(f"{name}={value}" for name, value in fields.items())
    transaction.on_commit(
        lambda: logger.info("%s: %s", act, words, extra={"fields": {"act": act, **fields}})
    )


def note_failed_login(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **rest: object
) -> None:
    """Without the name that was typed: now and then that is the password."""
    name = str(credentials.get("username", ""))
    tried = User.objects.filter(username=name).first() if "\0" not in name else None
    fields = {
        "tried": tried.pk if tried else None,
        "address": proxy.address(request) if request else None,
    }
    logger.warning(
        "login failed: tried=%(tried)s address=%(address)s",
        fields,
        extra={"fields": {"act": "login failed", **fields}},
    )
