"""Compares what the site does with what the table says."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import connection, transaction

from . import ask as rights_ask
from . import walk
from . import world as rights_world
from .ask import Answer
from .roles import Rule
from .walk import Address, NoPathError
from .world import Visitor

LISTED = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Beside what the table lists: these must open nothing that GET and POST do not.
UNLISTED = ("HEAD", "OPTIONS")


class World:
    """The rows, the visitors, and what the project has to try."""

    def __init__(self, visitors: dict[str, Visitor], photos: Path) -> None:
        self.visitors = visitors
        self.photos = photos
        self.addresses = walk.addresses()
        self.rules = walk.rules_by_key()
        self.asked: dict[tuple[Any, ...], Answer] = {}

    @cached_property
    def answered(self) -> dict[str, set[str]]:
        """The methods of each address: those written in its class, or not refused to an admin."""
        found: dict[str, set[str]] = {}
        for address in self.addresses:
            methods = found.setdefault(address.key, set())
            if address.handlers is not None:
                methods |= address.handlers & set(LISTED)
                continue
            rule = self.rules.get(address.key, [Rule("", "", "", frozenset())])[0]
            for method in ("GET", "POST"):
                answer = self.ask("admin", method, address, rule)
                if answer.kind == "untried":
                    methods.add("GET or POST")
                elif answer.kind != "unanswered":
                    methods.add(method)
        return found

    def ask(self, role: str, method: str, address: Address, rule: Rule) -> Answer:
        """What comes of a request; the same one is sent once."""
        visitor = self.visitors[role]
        try:
            path = walk.path_of(address, rule, visitor.user or User.objects.first())
        except NoPathError as error:
            return Answer("untried", str(error))
        judged_by = (rule.hides, rule.finds_nothing)
        sent = (role, method, path, *rule.body.items(), settings.API_LOGIN_REQUIRED, judged_by)
        if sent not in self.asked:
            self.asked[sent] = rights_ask.ask(visitor, method, path, rule)
        return self.asked[sent]


def problems(
    world: World, role: str, addresses: list[Address], *, in_development: bool
) -> list[str]:
    """A sentence for each address and method where the site does not do what the table says."""
    wrong: list[str] = []
    seen: set[str] = set()
    for number, address in enumerate(addresses):
        # What the table does not name is said by the test above.
        for rule in world.rules.get(address.key, []):
            allowed = role in rule.allowed(in_development=in_development)
            for method in rule.methods.split():
                answer = world.ask(role, method, address, rule)
                wanted = {"allowed"} if allowed else {"refused"}
                wrong += _differs(role, method, address, answer, wanted)
                if method == "GET":
                    wrong += _wrote(role, method, address, answer, rule.get_writes.split())
        # Once for each view, by one of its addresses; in development as whom it is opened to.
        if {address.route, address.key} & seen or (in_development and role != "anonymous"):
            continue
        seen |= {address.route, address.key}
        wrong += _unlisted(world, role, number, address, in_development=in_development)
    return wrong


def _unlisted(
    world: World, role: str, number: int, address: Address, *, in_development: bool
) -> list[str]:
    """A method that the table does not list opens nothing that one of the listed does not open."""
    rules = world.rules.get(address.key, [])
    if not rules:
        return []
    listed = {method for rule in rules for method in rule.methods.split()}
    may = {
        method
        for rule in rules
        if role in rule.allowed(in_development=in_development)
        for method in rule.methods.split()
    }
    wrong = []
    # Whoever may POST may do all that there is, and Django's own pages are tried as the least role.
    is_open = "POST" in may or (rules[0].is_djangos and role not in ("anonymous", "staff"))
    for method in _strays(number, address, listed, is_open):
        answer = world.ask(role, method, address, rules[0])
        wanted = {"refused", "unanswered"}
        if method not in ("GET", "POST") and (may or (method == "OPTIONS" and role != "anonymous")):
            wanted |= {"allowed", "missing"}
        wrong += _differs(role, method, address, answer, wanted)
        wrong += _wrote(role, method, address, answer, rules[0].get_writes.split())
    return wrong


def _strays(number: int, address: Address, listed: set[str], is_open: bool) -> list[str]:
    """Unlisted methods to try: all of a class; of a function, GET, POST and one of the others.

    A function tells GET and POST from the rest, if anything, so one of the rest, each in its turn,
    stands for all; `is_open` leaves it out.
    """
    if address.handlers is not None:
        others = (*LISTED, "OPTIONS") if "GET" in listed else (*LISTED, *UNLISTED)  # HEAD is GET
        return [method for method in others if method not in listed]
    strays = [method for method in ("GET", "POST") if method not in listed]
    rest = [method for method in (*LISTED[2:], *UNLISTED) if method not in listed]
    return strays if is_open else [*strays, rest[number % len(rest)]]


def _differs(
    role: str, method: str, address: Address, answer: Answer, wanted: set[str]
) -> list[str]:
    if answer.kind in wanted:
        return []
    should = " or ".join(sorted(wanted))
    return [
        f"{role}: {method} {address.key} (/{address.route}) should be {should}, and was "
        f"{answer.kind} ({answer.status})."
    ]


def _wrote(
    role: str, method: str, address: Address, answer: Answer, may_write: list[str]
) -> list[str]:
    """What only looks changes no row."""
    return [
        f"{role}: {method} {address.key} (/{address.route}) writes to {table}; only a POST may."
        for table in answer.writes - set(may_write)
    ]


# ── Actions ───────────────────────────────────────────────────────────────────────────────────
def actions_of(visitor: Visitor, address: str) -> str:
    """The list of actions on a page of rows, or nothing."""
    page = visitor.send("GET", address).content.decode()
    found = re.search(r'<select name="action".*?</select>', page, re.S)
    return found[0] if found else ""


def runs(visitor: Visitor, label: str, action: str, address: str) -> bool:
    """Whether the action answers with a file, a page, a message, or a change of rows."""
    row = rights_world.example(apps.get_model(label), visitor.user or User.objects.first())
    assert row is not None, f"There is no row of {label}: make one in tests/rights/world.py."
    before = _counts()
    body = {"action": action, "_selected_action": str(row.pk), "index": "0"}
    with transaction.atomic():
        response = visitor.send("POST", address, body)
        if response.status_code not in (200, 302) or rights_ask.leads_to_login(response, address):
            transaction.set_rollback(True)
            return False
        attached = "attachment" in response.headers.get("Content-Disposition", "")
        asks = "_confirmation" in str(getattr(response, "template_name", ""))
        said = {str(message) for message in get_messages(response.wsgi_request)}
        changed = _counts() != before
        if response.streaming:
            response.getvalue()  # closes its file
        transaction.set_rollback(True)
    return attached or asks or changed or bool(said - {"No action selected."})


def _counts() -> dict[str, int]:
    """How many rows each table has; sessions hold messages, not what an action did."""
    skipped = {"django_session"} | rights_ask.NO_STATE
    found = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names():
            if name not in skipped:
                cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(name)}")
                found[name] = cursor.fetchone()[0]
    return found
