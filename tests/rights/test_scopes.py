"""Each address of the API is tried with tokens that have, and that lack, the scope of the table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from knox.models import AuthToken

from moderation.models import Scope

from . import ask as rights_ask
from . import walk
from .check import World
from .roles import Rule
from .table import SECTIONS
from .walk import Address
from .world import Visitor, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.any_database]

IS_OPEN = pytest.mark.parametrize("is_open", [False, True], ids=["production", "development"])


@pytest.fixture
def admin(world: World) -> User:
    """Whose own rights forbid nothing."""
    user = world.visitors["admin"].user
    assert user is not None
    return user


def requests(world: World) -> Iterator[tuple[Rule, Address, str]]:
    """Every address of the API, by each method that the table names."""
    for rule in SECTIONS["The API"]:
        for address in world.addresses:
            if address.key in rule.at.split():
                yield from ((rule, address, method) for method in rule.methods.split())


def sent(visitor: Visitor, method: str, address: Address, rule: Rule) -> tuple[str, Any]:
    """Whether it is allowed or refused, and the answer; what it did is rolled back."""
    path = walk.path_of(address, rule, visitor.user)
    with transaction.atomic():
        response = visitor.send(method, path, rule.body)
        kind = rights_ask.judge(response, path, rule)
        transaction.set_rollback(True)
    return kind, response


@IS_OPEN
@pytest.mark.parametrize("missing", Scope.values)
def test_a_token_without_the_scope_is_told_which_one_and_how_to_get_it(
    world: World, admin: User, settings: Any, missing: str, is_open: bool
) -> None:
    settings.API_LOGIN_REQUIRED = not is_open
    program = token_of(admin, set(Scope.values) - {missing})
    tried = 0
    for rule, address, method in requests(world):
        kind, response = sent(program, method, address, rule)
        where = f"{method} {address.key}: {response.status_code}"
        if rule.scope != missing:
            assert kind == "allowed", where
            continue
        tried += 1
        assert response.status_code == 403, where
        said = response.json()["error"]
        assert f"lacks the scope “{missing}”" in said
        assert f"create_token USERNAME --scope {missing}" in said
        assert said.endswith(".") and ". " not in said
    assert tried


@IS_OPEN
@pytest.mark.parametrize("scope", Scope.values)
def test_a_token_with_one_scope_does_what_the_table_says_and_no_more(
    world: World, admin: User, settings: Any, scope: str, is_open: bool
) -> None:
    settings.API_LOGIN_REQUIRED = not is_open
    program = token_of(admin, [scope])
    for rule, address, method in requests(world):
        wanted = "allowed" if rule.scope in ("", scope) else "refused"
        kind, response = sent(program, method, address, rule)
        assert kind == wanted, f"{method} {address.key}: {response.status_code}"


def test_a_token_of_before_there_were_scopes_has_them_all(world: World, admin: User) -> None:
    token = AuthToken.objects.create(admin)[1]
    program = Visitor("old", admin, Client(), {"authorization": f"Token {token}"}, {})
    for rule, address, method in requests(world):
        kind, response = sent(program, method, address, rule)
        assert kind == "allowed", f"{method} {address.key}: {response.status_code}"


def test_a_scope_gives_no_right_that_its_user_lacks(world: World) -> None:
    viewer = world.visitors["viewer"].user
    assert viewer is not None
    program = token_of(viewer, Scope.values)
    for rule, address, method in requests(world):
        wanted = "allowed" if "viewer" in rule.who else "refused"
        kind, response = sent(program, method, address, rule)
        assert kind == wanted, f"{method} {address.key}: {response.status_code}"


def test_a_login_in_a_browser_needs_no_scope(world: World) -> None:
    for rule, address, method in requests(world):
        kind, response = sent(world.visitors["admin"], method, address, rule)
        assert kind == "allowed", f"{method} {address.key}: {response.status_code}"


def test_every_scope_is_needed_somewhere() -> None:
    assert {rule.scope for rule in SECTIONS["The API"]} - {""} == set(Scope.values)


def test_the_openapi_document_says_the_same(world: World) -> None:
    shown = Client().get("/schema", headers={"accept": "application/vnd.oai.openapi+json"}).json()
    said = {
        (path, method.upper()): found.get("description", "")
        for path, methods in shown["paths"].items()
        for method, found in methods.items()
    }
    for rule, address, method in requests(world):
        path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", address.route).replace("{pk}", "{id}")
        if path.endswith("/") or path == "/metrics":
            continue
        found = re.findall(r"A token needs the scope `(\w+)`", said.pop((path, method)))
        assert found == ([rule.scope] if rule.scope else []), (path, method)
    assert not said
