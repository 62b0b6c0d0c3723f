"""Who may call the API, how often, and what the health address tells without a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

from clipmod import third_party
from moderation.api.view import ApiView
from moderation.models import CacheEntry, Heartbeat, Product
from moderation.services.encoding import engine
from moderation.services.integration import tokens
from moderation.services.scoring import claims
from moderation.services.worker import heartbeat
from tests.api.test_clip import upload
from tests.support.factories import MakeProduct, MakeUser


def token_for(user: User, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    call_command("create_token", user.username, *options)
    return capsys.readouterr().out.strip()


def header(token: str) -> dict[str, str]:
    return {"authorization": f"Token {token}"}


@pytest.fixture
def closed(settings: Any, bundled: Any) -> None:
    settings.API_LOGIN_REQUIRED = True


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna", password="correct horse")


def test_in_development_nobody_needs_a_token(bundled: Any) -> None:
    body = {"file": upload(), "text": "A ball"}
    assert Client().post("/clip/analyze", body).status_code == 200


@pytest.mark.parametrize("path", ["/clip/categories", "/api/products", "/api/products/x"])
def test_in_production_a_token_is_needed(closed: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert response.json().keys() == {"error", "field"}
    assert "create_token" in response.json()["error"]


def test_a_token_opens_the_api_and_is_stored_as_a_hash(
    closed: None, anna: User, capsys: pytest.CaptureFixture[str]
) -> None:
    token = token_for(anna, capsys)
    assert len(token) >= 64
    stored = AuthToken.objects.get()
    assert stored.expiry is None
    assert token not in (stored.digest, stored.token_key)
    body = {"file": upload(), "text": "A ball"}
    response = Client().post("/clip/analyze", body, headers=header(token))
    assert response.status_code == 200


def test_an_expired_token_opens_nothing(
    closed: None, anna: User, capsys: pytest.CaptureFixture[str]
) -> None:
    token = token_for(anna, capsys, "--expires", "30d")
    expiry = AuthToken.objects.get().expiry
    assert expiry is not None
    assert abs(expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=5)
    assert Client().get("/clip/categories", headers=header(token)).status_code == 200
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    for _ in range(2):  # it is not forgotten when it was seen once
        response = Client().get("/clip/categories", headers=header(token))
        assert response.status_code == 401
        assert response.json()["error"].startswith("This token expired on 20")
        assert "create_token" in response.json()["error"]


def test_who_knows_only_the_beginning_of_a_token_does_not_learn_that_it_expired(
    closed: None, anna: User, capsys: pytest.CaptureFixture[str]
) -> None:
    token = token_for(anna, capsys)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    response = Client().get("/clip/categories", headers=header(token[:-8] + "0" * 8))
    assert response.status_code == 401
    assert "expired" not in response.json()["error"]


@pytest.mark.parametrize(
    "value", ["Token wrong", "Token", "Token a b", "Token \xff\xfe", "Token " + "0" * 5000]
)
def test_a_wrong_token_is_refused_even_where_none_is_needed(bundled: Any, value: str) -> None:
    response = Client().get("/clip/categories", headers={"authorization": value})
    assert response.status_code == 401, response.content
    assert "create_token" in response.json()["error"]


def test_create_token_names_a_user_it_does_not_find(db: None) -> None:
    with pytest.raises(CommandError, match="There is no user “nobody”"):
        call_command("create_token", "nobody")


def test_create_token_makes_a_user_for_a_program(groups: None) -> None:
    call_command("create_token", "shop", "--new-user")

    shop = User.objects.get(username="shop")
    assert [group.name for group in shop.groups.all()] == ["shop"]
    assert not shop.is_staff
    assert not shop.has_usable_password()
    with pytest.raises(CommandError, match="already"):
        call_command("create_token", "shop", "--new-user")


def test_create_token_before_the_set_up_says_so_and_makes_nobody(db: None) -> None:
    with pytest.raises(CommandError, match="There is no group “shop” yet"):
        call_command("create_token", "shop", "--new-user")
    assert not User.objects.exists()


def send_product(client: Client, **headers: str) -> Any:
    body = {"product_id": "SKU-1", "text": "A red ball", "image": upload()}
    return client.post("/api/products", body, headers=headers)


def test_only_who_may_change_products_sends_them(
    closed: None, make_user: MakeUser, capsys: pytest.CaptureFixture[str]
) -> None:
    assert send_product(Client()).status_code == 401
    moderator = header(token_for(make_user("mo", group="moderator"), capsys))
    refused = send_product(Client(), **moderator)
    assert refused.status_code == 403
    assert refused.json()["error"].startswith("This user may not see or change products; put")
    assert Client().get("/api/products", headers=moderator).status_code == 200
    assert not Product.objects.exists()

    lead = header(token_for(make_user("lea", group="lead"), capsys))
    assert send_product(Client(), **lead).status_code == 201
    call_command("create_token", "program", "--new-user")
    shop = header(capsys.readouterr().out.strip())
    assert send_product(Client(), **shop).status_code == 200


def test_even_in_development_a_login_without_the_right_changes_nothing(
    bundled: Any, make_user: MakeUser
) -> None:
    browser = Client()
    browser.force_login(make_user("mo", group="moderator"))
    assert send_product(browser).status_code == 403
    assert send_product(Client()).status_code == 201


@pytest.mark.parametrize("time", ["0d", "90", "-1d", "90m", "36501d", "999999w", "", "٣d"])
def test_create_token_refuses_times_that_make_no_sense(anna: User, time: str) -> None:
    with pytest.raises(CommandError, match="such as 90d, and at most 36500d"):
        call_command("create_token", "anna", f"--expires={time}")
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize(("time", "hours"), [("12h", 12), ("2d", 48), ("1w", 168)])
def test_a_token_is_good_for_hours_days_or_weeks(anna: User, time: str, hours: int) -> None:
    call_command("create_token", "anna", "--expires", time)
    expiry = AuthToken.objects.get().expiry
    assert expiry is not None
    assert abs(expiry - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("options", "scopes"),
    [
        ((), ["read", "submit", "decide"]),
        (("--scope", "submit, read"), ["read", "submit"]),
        (("--scope", "decide", "--scope", "read"), ["read", "decide"]),
    ],
)
def test_create_token_gives_the_scopes_that_it_is_told(
    anna: User, options: tuple[str, ...], scopes: list[str]
) -> None:
    call_command("create_token", "anna", "--name", "nightly", *options)
    token = AuthToken.objects.get()
    assert tokens.scopes_of(token) == scopes
    assert tokens.name_of(token) == "nightly"


@pytest.mark.parametrize("scope", ["write", "read,", "READ", ""])
def test_create_token_names_the_scopes_where_it_knows_none_of_that_name(
    anna: User, scope: str
) -> None:
    with pytest.raises(CommandError, match="no such scope; give some of read, submit, decide"):
        call_command("create_token", "anna", f"--scope={scope}", "--new-user")
    assert not AuthToken.objects.exists()


def test_a_token_may_look_at_listed_products_only_with_the_scope_to_read(
    closed: None,
    make_user: MakeUser,
    make_product: MakeProduct,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_product("SKU-1")
    shop = make_user("shop", group="shop")
    body = {"product_ids": ["SKU-1"]}
    for scopes, status in (("submit", 403), ("submit,read", 200)):
        headers = header(token_for(shop, capsys, "--scope", scopes))
        response = Client().post("/clip/analyze-batch", body, "application/json", headers=headers)
        assert response.status_code == status, response.content


def test_a_release_that_knows_no_scopes_may_delete_tokens(anna: User) -> None:
    call_command("create_token", "anna", "--scope", "read")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM knox_authtoken")
    connection.check_constraints()
    assert not AuthToken.objects.exists()


def test_make_secret_key_prints_a_fresh_one(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_secret_key")
    call_command("make_secret_key")
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert len(first) >= 50


def test_a_browser_that_is_logged_in_needs_the_csrf_token(closed: None, anna: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(anna)
    assert browser.get("/clip/categories").status_code == 200
    response = browser.post("/clip/analyze", {"file": upload(), "text": "A ball"})
    assert response.status_code == 403
    assert "CSRF" in response.json()["error"]


@pytest.fixture
def two_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ApiView, "throttle_classes", [AnonRateThrottle, UserRateThrottle])
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", {"anon": "2/m", "user": "2/m"})


def test_too_many_requests_are_told_to_wait(bundled: Any, two_a_minute: None) -> None:
    codes = [Client().get("/clip/categories").status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    counted = CacheEntry.objects.values_list("cache_key", flat=True)
    assert [key for key in counted if "throttle_anon" in key]  # for all processes together
    response = Client().get("/clip/categories")
    assert int(response["Retry-After"]) <= 60
    assert response.json()["error"].startswith("Too many requests; wait ")
    heartbeat.beat("test/1/1")
    assert Client().get("/clip/health").status_code == 200


def test_who_has_a_token_has_requests_of_ones_own(
    closed: None, make_user: MakeUser, capsys: pytest.CaptureFixture[str], two_a_minute: None
) -> None:
    anna, ben = (header(token_for(make_user(name), capsys)) for name in ("anna", "ben"))

    def codes(headers: dict[str, str]) -> list[int]:
        return [Client().get("/clip/categories", headers=headers).status_code for _ in range(3)]

    assert codes(anna) == [200, 200, 429]
    assert codes(ben) == [200, 200, 429]  # from the same address
    assert Client().get("/api/products", headers=anna).status_code == 429  # one count for all


@pytest.mark.parametrize("rate", ["", "5/min"])
def test_the_setting_says_how_often_one_may_ask(rate: str) -> None:
    found = third_party.rest_framework(rate, is_behind_proxy=False)
    assert len(found["DEFAULT_THROTTLE_CLASSES"]) == (2 if rate else 0)
    assert set(found["DEFAULT_THROTTLE_RATES"].values()) == {rate or None}


def test_no_refusal_is_kept_on_the_way(bundled: Any, two_a_minute: None) -> None:
    sent = ("/api/reviews", "/api/products?page_size=0", "/api/products/x", "/clip/nowhere")
    answers = [Client().get(path) for path in (*sent, "/clip/categories")]
    assert [one.status_code for one in answers] == [401, 400, 404, 404, 429]
    assert {one["Cache-Control"] for one in answers} == {"no-store"}


# ── Health ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/clip/health", "/clip/health/"])
def test_health_is_open_and_complete(closed: None, path: str) -> None:
    heartbeat.beat("test/1/1")
    response = Client().get(path)
    assert response.status_code == 200
    answer = response.json()
    assert answer.pop("worker").keys() == {"alive", "seconds_since_beat"}
    assert answer.pop("model_loaded") in (True, False)
    assert answer.pop("device") in ("auto", "cpu", "cuda", "mps")
    assert answer.pop("precision") in ("auto", "fp32", "bf16", "fp16")
    assert answer.pop("backend") in ("auto", "torch")
    assert answer == {
        "status": "healthy",
        "reason": "",
        "service": "clip",
        "model": "bundled",
        "pending": 0,
        "running": 0,
        "stranded": 0,
        "paused_since": None,
        "second_judge": None,
    }


def test_health_tells_what_is_loaded(bundled: Any) -> None:
    heartbeat.beat("test/1/1")
    engine.unload()
    assert Client().get("/clip/health").json()["model_loaded"] is False
    Client().post("/clip/analyze", {"file": upload(), "text": "A ball"})
    answer = Client().get("/clip/health").json()
    assert answer["model_loaded"] is True
    assert answer["device"] != "auto"


def test_a_stale_worker_makes_it_unhealthy(bundled: Any, make_product: MakeProduct) -> None:
    make_product("P")
    heartbeat.beat("test/1/1")
    Heartbeat.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=95))
    response = Client().get("/clip/health")
    assert response.status_code == 503
    answer = response.json()
    assert (answer["status"], answer["pending"]) == ("unhealthy", 1)
    assert "95 seconds ago" in answer["reason"]
    assert answer["worker"]["alive"] is False


def test_what_a_silent_worker_holds_is_counted(bundled: Any, make_product: MakeProduct) -> None:
    for name in "PQR":
        make_product(name)
    heartbeat.beat("alive/1/1")
    heartbeat.beat("silent/2/2")
    Heartbeat.objects.filter(worker="silent/2/2").update(
        heartbeat_at=timezone.now() - timedelta(seconds=95)
    )
    for owner in ("alive/1/1", "silent/2/2"):
        next(claims.claim_batches(size=1, owner=owner))
    answer = Client().get("/clip/health").json()
    assert (answer["pending"], answer["running"], answer["stranded"]) == (1, 2, 1)


def test_without_worker_or_model_it_says_both(db: None) -> None:
    response = Client().get("/clip/health")
    assert response.status_code == 503
    assert "No worker has ever run" in response.json()["reason"]
    assert "No model is active" in response.json()["reason"]
