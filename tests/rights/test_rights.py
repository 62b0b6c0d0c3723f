"""Every address, method and admin action is tried as every role and compared to the table.

What the table (table.py) says of an address has to be what the site does; an address that
it does not name, or one that it names and that is gone, fails with a sentence that says so.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

from moderation.models import CacheEntry
from moderation.services.queries import cache
from moderation.services.running.setup import GROUPS

from . import docs, walk
from .check import World, actions_of, problems, runs
from .roles import ROLES, Rule
from .rules import action_rules
from .table import ACTIONS, TABLES

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]

TABLE = "tests/rights/table.py"


# ── The table is complete ─────────────────────────────────────────────────────────────────────
def test_the_table_names_every_address_and_method(world: World) -> None:
    missing = []
    routes = {address.key: address.route for address in world.addresses}
    models = {address.key: address.model for address in world.addresses}
    tables = {table.model for table in TABLES}
    for key, methods in world.answered.items():
        if models[key] and models[key] not in tables:
            continue  # the next test says so, in one sentence
        named = {m for rule in world.rules.get(key, []) for m in rule.methods.split()}
        if unnamed := methods - named:
            missing.append(
                f"{TABLE} does not say who may send {' '.join(sorted(unnamed))} to {key} "
                f"(/{routes[key]}): add a Rule with at=“{key}” to SECTIONS."
            )
        if gone := named - methods:
            missing.append(
                f"{TABLE} has a rule for {' '.join(sorted(gone))} of {key} (/{routes[key]}), which "
                "the site does not answer: take it out."
            )
    missing += [
        f"{TABLE} has a rule for {key}, and there is no such address any more: take it out."
        for key in world.rules.keys() - routes.keys()
    ]
    assert not missing, "\n".join(sorted(missing))


def test_the_table_names_every_registered_model() -> None:
    registered = {model._meta.label_lower for model in admin.site._registry}
    named = {table.model for table in TABLES}
    missing = [
        f"{TABLE} does not name the model {label}: add a Table to TABLES that says who sees, adds, "
        "changes and deletes its rows."
        for label in sorted(registered - named)
    ]
    missing += [
        f"{TABLE} names the model {label}, which is not registered with the admin: take it out."
        for label in sorted(named - registered)
    ]
    assert not missing, "\n".join(missing)


def test_the_table_names_every_admin_action() -> None:
    there, named = walk.actions(), action_rules().keys()
    missing = [
        f"{TABLE} does not name the action {action} of {label}: add it to ACTIONS."
        for label, action in sorted(there - named)
        if action != "delete_selected"  # of a model that TABLES lacks, which is said there
    ]
    missing += [
        f"{TABLE} names the action {action} of {label}, and there is none: take it out."
        for label, action in sorted(ACTIONS.keys() - there)
    ]
    assert not missing, "\n".join(missing)


def test_the_table_has_a_role_for_every_group() -> None:
    assert set(GROUPS) == {role.group for role in ROLES.values() if role.group}


# ── The site does what the table says ─────────────────────────────────────────────────────────
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_the_table_says(world: World, role: str) -> None:
    found = problems(world, role, world.addresses, in_development=False)
    assert not found, "\n".join(found)


def test_a_page_that_takes_long_writes_to_the_cache_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LONG", -1.0)
    monkeypatch.setattr(world, "asked", {})
    slow = {"admin:index", "admin:quality", "admin:team", "admin:sellers", "admin:views"}
    slow |= {"admin:thresholds", "admin:thresholds_of", "admin:queue_grid"}
    found = [address for address in world.addresses if address.key in slow]
    assert {address.key for address in found} == slow
    CacheEntry.objects.all().delete()
    assert not problems(world, "lead", found, in_development=False)
    for key in ("quality", "thresholds"):
        world.visitors["lead"].send("GET", reverse(f"admin:{key}"))
    assert CacheEntry.objects.count() >= 2  # what the check leaves out is what they write
    CacheEntry.objects.all().delete()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_the_table_says_in_development(
    world: World, role: str, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED = False
    api = [address for address in world.addresses if not address.key.startswith("admin")]
    found = problems(world, role, api, in_development=True)
    assert not found, "\n".join(found)


# ── Actions ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_offered_and_runs_the_actions_of_the_table(world: World, role: str) -> None:
    visitor, wrong = world.visitors[role], []
    rules = action_rules()
    for label in sorted({label for label, _ in walk.actions()}):
        address = reverse(f"admin:{label.replace('.', '_')}_changelist")
        offered = set(re.findall(r'<option value="(\w+)"', actions_of(visitor, address)))
        for action in sorted(name for of, name in walk.actions() if of == label):
            allowed = role in rules.get((label, action), frozenset())
            ran = runs(visitor, label, action, address)
            for what, does in (("is offered", action in offered), ("can run", ran)):
                if does != allowed:
                    words = "" if does else "not "
                    wrong.append(
                        f"{role}: {action} of {label} should {'' if allowed else 'not '}be "
                        f"allowed; it {what.replace(' ', f' {words}', 1)}."
                    )
    assert not wrong, "\n".join(wrong)


# ── The checks can fail ───────────────────────────────────────────────────────────────────────
def test_a_wrong_table_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def says(role: str, key: str, *rules: Rule) -> str:
        monkeypatch.setitem(world.rules, key, list(rules))
        found = [address for address in world.addresses if address.key == key]
        return "\n".join(problems(world, role, found, in_development=False))

    (see, *_) = world.rules["admin:queue"]
    assert says("moderator", "admin:queue", see) == ""
    assert "should be allowed, and was refused (403)" in says(
        "viewer", "admin:queue", replace(see, who=see.who | {"viewer"})
    )
    assert "should be refused, and was allowed (200)" in says(
        "moderator", "admin:queue", replace(see, who=see.who - {"moderator"})
    )
    assert "writes to moderation_reviewitem" in says(
        "moderator", "admin:queue", replace(see, get_writes="")
    )
    (look, put) = world.rules["products"]
    assert "POST products (/api/products/) should be refused or unanswered" in says(
        "shop_token", "products", look
    )
    assert "401" in says("anonymous", "products", look, replace(put, who=frozenset(ROLES)))
    monkeypatch.setitem(world.rules, "admin:gone", [see])
    monkeypatch.delitem(world.rules, "admin:quality")
    with pytest.raises(AssertionError) as caught:
        test_the_table_names_every_address_and_method(world)
    assert "add a Rule with at=“admin:quality”" in str(caught.value)
    assert "a rule for admin:gone, and there is no such address" in str(caught.value)


# ── Strangers ─────────────────────────────────────────────────────────────────────────────────
def test_every_address_of_the_admin_leads_a_stranger_to_the_login(world: World) -> None:
    stranger, wrong = world.visitors["anonymous"], []
    login = reverse("admin:login")
    for address in world.addresses:
        for rule in world.rules.get(address.key, [])[:1]:
            path = walk.path_of(address, rule, User.objects.first())
            if not path.startswith(reverse("admin:index")):
                continue
            response = stranger.client.get(path, follow=True)
            if response.status_code != 200 or response.request["PATH_INFO"] != login:
                wrong.append(f"{path} answers a stranger with {response.status_code}.")
    assert not wrong, "\n".join(wrong)


def test_the_sites_own_files_are_open(world: World) -> None:
    for visitor in world.visitors.values():
        response = visitor.send("GET", "/static/moderation/theme.css")
        assert response.status_code == 200 and response.getvalue()


# ── The document ──────────────────────────────────────────────────────────────────────────────
def test_the_document_shows_the_table() -> None:
    assert docs.DOCUMENT.read_text(encoding="utf-8") == docs.text(), (
        "docs/rights.md is not what the table says: run `python -m tests.rights.docs`."
    )
