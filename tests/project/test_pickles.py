"""Who may write our tables runs no code in our processes by it."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q import monitor
from django_q.models import Failure, OrmQ, Success, Task

from moderation.models import CacheEntry
from moderation.services.queries import cache

pytestmark = pytest.mark.django_db


class Touch:
    """When it is unpickled, a file is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "code-ran"


@pytest.fixture
def poison(trace: Path) -> str:
    return base64.b64encode(pickle.dumps(Touch(trace))).decode()


def unsigned(poison: str) -> str:
    """As `django.core.signing` writes it, but for the signature."""
    return f"{poison.rstrip('=')}:1tV3Zz:c2lnbmF0dXJl"


def root_client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_the_poison_would_work(poison: str, trace: Path) -> None:
    pickle.loads(base64.b64decode(poison))
    assert trace.exists()


@pytest.mark.parametrize("name", ["answers", "default"])
def test_an_entry_of_the_cache_that_is_not_ours_is_not_there(
    name: str, poison: str, trace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = caches[name]
    ours.set("figures", {1: timedelta(days=1)})
    assert ours.get("figures") == {1: timedelta(days=1)}
    key = CacheEntry.objects.get().cache_key
    forged = base64.b64encode(pickle.dumps(unsigned(poison))).decode()
    for planted in (poison, forged, "no base64", "", "gAWVBQ=="):
        CacheEntry.objects.update(value=planted)
        assert ours.get("figures") is None
        assert key in caplog.text
        assert ours.add("figures", 2) is False
        assert not trace.exists()


def test_an_entry_is_signed_for_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LONG", -1.0)
    assert cache.value("mine", [], lambda: 1, at_least=timedelta(hours=1)) == 1
    assert cache.value("yours", [], lambda: 2, at_least=timedelta(hours=1)) == 2
    mine = CacheEntry.objects.get(cache_key__contains="mine")
    CacheEntry.objects.filter(cache_key__contains="yours").update(value=mine.value)
    assert cache.value("yours", [], lambda: 3) == 3


def test_entries_outlive_a_change_of_the_key(settings: Any) -> None:
    caches["answers"].set("figures", [1.5])
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 50
    assert caches["answers"].get("figures") == [1.5]


@pytest.mark.parametrize("succeeded", [True, False])
def test_a_planted_task_runs_nothing(succeeded: bool, poison: str, trace: Path) -> None:
    now = timezone.now()
    task = Task.objects.create(
        id="a" * 32, name="sweep", func="builtins.len", started=now, stopped=now, success=succeeded
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_q_task SET args = %s, kwargs = %s, result = %s", [poison] * 3)
    root = root_client()
    kind = "success" if succeeded else "failure"
    for page in ("", f"{task.pk}/change/", f"{task.pk}/history/", f"{task.pk}/delete/"):
        assert root.get(f"/admin/django_q/{kind}/{page}").status_code == 200, page
    # What the worker does after each task: it looks for an earlier attempt, and at old successes.
    monitor.save_task(
        {
            "id": task.pk,
            "name": task.name,
            "func": "builtins.len",
            "args": (),
            "kwargs": {},
            "started": now,
            "stopped": now,
            "result": "done",
            "success": True,
            "sync": True,
        },
        broker=None,
    )
    assert not trace.exists()


def test_arguments_and_results_of_our_tasks_are_read() -> None:
    now = timezone.now()
    kept = {"args": (1, "ü", None), "kwargs": {"limit": 2.5}, "result": "done : Traceback …"}
    Task.objects.create(
        id="b" * 32, name="promote", func="len", started=now, stopped=now, success=False, **kept
    )
    found = Failure.objects.get()
    assert {name: getattr(found, name) for name in kept} == kept
    assert not Success.objects.exists()


def test_a_planted_message_of_the_queue_runs_nothing(poison: str, trace: Path) -> None:
    OrmQ.objects.create(key="clipmod", payload=unsigned(poison), lock=timezone.now())
    root = root_client()
    root.raise_request_exception = False
    root.get("/admin/django_q/ormq/")
    assert not trace.exists()


def test_a_planted_session_runs_nothing(poison: str, trace: Path) -> None:
    assert django_settings.SESSION_SERIALIZER.endswith("JSONSerializer")
    later = timezone.now() + timedelta(days=1)
    Session.objects.create(session_key="s" * 32, session_data=poison, expire_date=later)
    visitor = Client()
    visitor.cookies[django_settings.SESSION_COOKIE_NAME] = "s" * 32
    assert visitor.get("/admin/").status_code == 302
    assert not trace.exists()
