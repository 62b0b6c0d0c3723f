"""Tokens of the API in the admin: made and shown once, narrowed, revoked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from moderation.models import Scope, TokenScope
from moderation.services.integration import tokens
from tests.support.factories import MakeUser

LIST = "/admin/moderation/apitoken/"


@pytest.fixture
def root(db: None) -> Client:
    browser = Client()
    browser.force_login(
        User.objects.create_superuser("root"), "django.contrib.auth.backends.ModelBackend"
    )
    return browser


@pytest.fixture
def anna(make_user: MakeUser) -> User:
    return make_user("anna", group="lead")


def form(user: User, **fields: Any) -> dict[str, Any]:
    """What the page sends."""
    empty = {"user": user.pk, "name": "", "scopes": ["read"], "expiry_0": "", "expiry_1": ""}
    return empty | fields


def status(secret: str, path: str = "/api/products") -> int:
    return Client().get(path, headers={"authorization": f"Token {secret}"}).status_code


def test_a_token_is_made_with_scopes_and_shown_once(
    root: Client, anna: User, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED = True
    sent = form(anna, name="nightly", expiry_0="2099-01-31", expiry_1="12:00:00")
    response = root.post(f"{LIST}add/", sent)
    found = re.search(r'id="token"[^>]*value="(\w{64,})"', response.content.decode())
    assert found is not None
    assert "no-store" in response["Cache-Control"]
    assert not list(get_messages(response.wsgi_request))

    token = AuthToken.objects.get()
    assert (token.user, tokens.name_of(token), tokens.scopes_of(token)) == (
        anna,
        "nightly",
        ["read"],
    )
    assert token.expiry is not None and token.expiry.year == 2099
    assert status(found[1]) == 200
    pages = [LIST, f"{LIST}{token.pk}/change/", f"{LIST}{token.pk}/history/"]
    shown = [root.get(page).content.decode() for page in pages]
    assert "nightly" in shown[0] and ">read<" in shown[0]
    assert not any(found[1] in page for page in shown)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["write"]}, "Select a valid choice. write is not one"),
        ({"expiry_0": "2020-01-31", "expiry_1": "12:00:00"}, "This time is over"),
        ({"name": "n" * 61}, "at most 60 characters"),
    ],
)
def test_what_makes_no_token_is_said_at_its_field(
    root: Client, anna: User, fields: dict[str, Any], sentence: str
) -> None:
    response = root.post(f"{LIST}add/", form(anna, **fields))
    assert sentence in response.content.decode()
    assert not AuthToken.objects.exists()


def test_a_token_is_narrowed_and_stays_the_same(root: Client, anna: User, settings: Any) -> None:
    settings.API_LOGIN_REQUIRED = True
    token, secret = AuthToken.objects.create(anna)  # as before there were scopes
    page = root.get(f"{LIST}{token.pk}/change/").content.decode()
    assert page.count("checked") == len(Scope)
    assert status(secret) == 200

    response = root.post(f"{LIST}{token.pk}/change/", form(anna, scopes=["submit"]))
    assert response.status_code == 302
    assert tokens.scopes_of(AuthToken.objects.get(pk=token.pk)) == ["submit"]
    assert status(secret) == 403


def test_a_deleted_token_opens_nothing_and_leaves_nothing(
    root: Client, anna: User, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED = True
    token, secret = tokens.create(anna, scopes=["read"])
    assert status(secret) == 200
    root.post(f"{LIST}{token.pk}/delete/", {"post": "yes"})
    assert status(secret) == 401
    assert not TokenScope.objects.exists()


@pytest.mark.django_db(transaction=True)  # acts are noted at the end of it
def test_who_makes_changes_or_revokes_a_token_is_noted(
    root: Client, anna: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "moderation.acts")
    for _ in range(3):
        root.post(f"{LIST}add/", form(anna, scopes=["read", "submit"]))
    first, *others = AuthToken.objects.values_list("pk", flat=True)
    root.post(f"{LIST}{first}/change/", form(anna))
    root.post(f"{LIST}{first}/delete/", {"post": "yes"})
    marked = {"action": "delete_selected", "_selected_action": others, "post": "yes"}
    root.post(LIST, marked)

    by = f"user={User.objects.get(username='root').pk} of={anna.pk}"
    assert [message for message in caplog.messages if "token" in message] == [
        *[f"made a token: {by} scopes=read submit"] * 3,
        f"changed a token: {by} scopes=read",
        f"revoked a token: {by} scopes=read",
        *[f"revoked a token: {by} scopes=read submit"] * 2,
    ]
    assert not AuthToken.objects.exists()


def test_the_list_tells_the_expired_ones(root: Client, anna: User) -> None:
    tokens.create(anna, scopes=["read"], expires_at=timezone.now() - timedelta(days=1))
    tokens.create(anna, scopes=["read"])
    page = root.get(LIST).content.decode()
    assert page.count(">expired<") == page.count(">never<") == 1


def test_the_list_asks_the_same_of_many_tokens(
    root: Client, anna: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        tokens.create(anna, scopes=["read"])
    with django_assert_max_num_queries(8):
        assert root.get(LIST).status_code == 200


def test_who_may_only_look_sees_name_and_scopes(anna: User) -> None:
    anna.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    token, _ = tokens.create(anna, scopes=["submit"], name="nightly")
    browser = Client()
    browser.force_login(anna, "django.contrib.auth.backends.ModelBackend")
    page = browser.get(f"{LIST}{token.pk}/change/").content.decode()
    assert "nightly" in page and "submit" in page
    assert 'type="checkbox"' not in page
