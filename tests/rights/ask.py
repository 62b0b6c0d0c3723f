"""Sends a request as somebody and tells what came of it; what it did is rolled back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.urls import reverse

from moderation.models import CacheEntry

from .roles import Rule
from .world import Visitor

# Django's cache (settings.CACHES) lies in a table. A page may keep there what took it long to find,
# as it may in a process's memory or in Redis: no answer but its speed depends on it, all of it may
# be deleted at any time, and whether a page writes it depends on the load of the machine.
NO_STATE = frozenset({CacheEntry._meta.db_table})
_WRITE = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM|REPLACE INTO)\s+"?(\w+)', re.I)


@dataclass(frozen=True)
class Answer:
    """What came of a request: allowed, refused, missing (404), unanswered (405) or broken.

    `writes` has the tables whose rows it changed, but for `NO_STATE`.
    """

    kind: str
    status: str
    writes: frozenset[str] = frozenset()


def ask(visitor: Visitor, method: str, path: str, rule: Rule) -> Answer:
    """Send a request and forget what it did."""
    writes: set[str] = set()

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        if found := _WRITE.match(sql):
            writes.add(found[1])
        return execute(sql, *rest)

    body = rule.body if method in ("POST", "PUT", "PATCH") else None
    with transaction.atomic(), connection.execute_wrapper(watch):
        try:
            response = visitor.send(method, path, body)
        except Exception as error:  # noqa: BLE001 - becomes a sentence with the address
            kind, status = "broken", f"{type(error).__name__}: {error}"
        else:
            kind, status = judge(response, path, rule), describe(response)
            if response.streaming:
                response.getvalue()  # closes its file
        transaction.set_rollback(True)
    return Answer(kind, status, frozenset(writes) - NO_STATE)


def judge(response: Any, path: str, rule: Rule) -> str:
    code = response.status_code
    if code in (401, 403) or leads_to_login(response, path):
        return "refused"
    if code == 404:
        return "allowed" if rule.finds_nothing else "refused" if rule.hides else "missing"
    if code == 405:
        return "unanswered"
    return "broken" if code >= 500 or _lost(response, path) else "allowed"


def leads_to_login(response: Any, path: str) -> bool:
    """Django sends strangers to the login; from the logout, by way of the start page."""
    if response.status_code != 302:
        return False
    target, start = response["Location"], reverse("admin:index")
    stranger = not response.wsgi_request.user.is_authenticated
    by_start = target == start and path.startswith(start) and path != reverse("admin:login")
    return target.startswith(reverse("admin:login")) or (stranger and by_start)


def _lost(response: Any, path: str) -> bool:
    """The admin sends whoever asks for a row that is not there to the start page."""
    start = reverse("admin:index")
    own = {reverse("admin:login"), reverse("admin:logout"), start}
    home = response.status_code == 302 and response["Location"] == start
    return home and path.startswith(start) and path not in own


def describe(response: Any) -> str:
    to = f" to {response['Location']}" if response.status_code == 302 else ""
    return f"{response.status_code}{to}"
