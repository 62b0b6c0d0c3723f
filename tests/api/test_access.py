"""Who may call the API, how often, and what the health address tells without a token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.settings import api_settings
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle

from moderation.api.view import ApiView
from moderation.models import CacheEntry, Heartbeat, Product
from moderation.services.encoding import engine
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
    token = token_for(anna, capsys, "--days", "30")
    expiry = AuthToken.objects.get().expiry
    assert expiry is not None
    assert abs(expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=5)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert Client().get("/clip/categories", headers=header(token)).status_code == 401


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


def test_create_token_refuses_days_that_make_no_sense(anna: User) -> None:
    with pytest.raises(CommandError, match="from 1 to 36500"):
        call_command("create_token", "anna", "--days", "0")
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
    monkeypatch.setattr(ApiView, "throttle_classes", [AnonRateThrottle])
    monkeypatch.setattr(
        SimpleRateThrottle, "THROTTLE_RATES", {**api_settings.DEFAULT_THROTTLE_RATES, "anon": "2/m"}
    )


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
    assert answer == {
        "status": "healthy",
        "reason": "",
        "service": "clip",
        "model": "bundled",
        "pending": 0,
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


def test_without_worker_or_model_it_says_both(db: None) -> None:
    response = Client().get("/clip/health")
    assert response.status_code == 503
    assert "No worker has ever run" in response.json()["reason"]
    assert "No model is active" in response.json()["reason"]
