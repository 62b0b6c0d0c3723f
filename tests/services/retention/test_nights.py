"""Each night one run, whichever host it is on, and however often it is broken off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_q.models import Task

from moderation import tasks
from moderation.services.retention import files, log, nights, run
from moderation.services.retention.nights import Nightly
from moderation.services.retention.periods import Kind
from moderation.services.worker import pause
from tests.support.factories import MakeUser, as_user

pytestmark = pytest.mark.django_db

SetClock = Callable[..., None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the time of day, and the day of November."""

    def set_to(*, day: int = 2, hour: int = 3, minute: int = 0) -> None:
        now = datetime(2026, 11, day, hour, minute, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda: now)

    set_to()
    return set_to


@pytest.fixture
def five(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A run of five steps, each of which removes a message; those that were done."""
    settings.KEEP_DELIVERIES_DAYS = 30
    done: list[int] = []

    def steps(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
        for number in range(5):
            done.append(number)
            yield Counter({Kind.DELIVERIES: 1})

    monkeypatch.setitem(run._STAGES, Kind.DELIVERIES, steps)
    return done


def test_it_runs_once_a_night_from_its_hour_on(five: list[int], clock: SetClock) -> None:
    worker = Nightly()
    clock(hour=2, minute=59)
    assert not worker.is_due()
    clock(hour=9)  # no worker ran at three
    assert worker.is_due()
    worker.work(seconds=60)
    assert len(five) == 5 and not worker.is_due()
    worker.work(seconds=60)
    Nightly().work(seconds=60)  # the worker was started anew
    assert len(five) == 5
    clock(day=3)
    worker.work(seconds=60)
    assert len(five) == 10
    last = log.last_run()
    assert last is not None and last.is_finished
    assert last.counts == {"deliveries": 5} and last.problems == []


def test_nothing_runs_where_all_is_kept_for_ever(clock: SetClock) -> None:
    assert not Nightly().is_due()
    Nightly().work(seconds=60)
    assert not Task.objects.exists()


def test_a_little_at_each_sweep(five: list[int], clock: SetClock) -> None:
    worker = Nightly()
    worker.work(seconds=0)
    worker.work(seconds=0)
    assert five == [0, 1]
    last = log.last_run()
    assert last is not None and not last.is_finished and last.counts == {"deliveries": 2}
    worker.work(seconds=60)
    assert five == [0, 1, 2, 3, 4]


def test_of_several_hosts_one_does_it(five: list[int], clock: SetClock) -> None:
    first, second = Nightly(), Nightly()
    first.work(seconds=0)
    second.work(seconds=60)
    assert five == [0]
    first.work(seconds=60)
    assert len(five) == 5 and Task.objects.count() == 1


def test_one_that_died_is_taken_over(five: list[int], clock: SetClock) -> None:
    dead, other = Nightly(), Nightly()
    dead.work(seconds=0)
    clock(minute=29)
    other.work(seconds=60)
    assert five == [0]
    clock(minute=31)
    other.work(seconds=60)
    assert five == [0, 0, 1, 2, 3, 4]
    assert not other.is_due()
    dead.work(seconds=0)  # it was only slow, and finds that it is not its own any longer
    assert log.last_run().is_finished  # type: ignore[union-attr]
    assert not dead.is_due()


def test_a_pause_is_respected(five: list[int], clock: SetClock, make_user: MakeUser) -> None:
    lead = make_user("lena", group="lead")
    pause.switch(on=True, by=lead)
    worker = Nightly()
    worker.work(seconds=60)
    assert five == [] and not Task.objects.exists()
    pause.switch(on=False, by=lead)
    worker.work(seconds=60)
    assert len(five) == 5


def test_it_goes_on_once_the_database_is_back(
    five: list[int], clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, write_down = Nightly(), Nightly._write_down

    def away(*_: Any, **__: Any) -> bool:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(Nightly, "_write_down", away)
    with pytest.raises(OperationalError):
        worker.work(seconds=0)
    monkeypatch.setattr(Nightly, "_write_down", write_down)
    worker.work(seconds=60)
    assert five == [0, 0, 1, 2, 3, 4]


def test_what_goes_wrong_with_one_kind_keeps_no_other(
    five: list[int], settings: Any, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KEEP_VECTORS_DAYS = settings.KEEP_UNUSED_PHOTOS_DAYS = 30

    def fails(*_: Any, **__: Any) -> Iterator[Counter[str]]:
        yield Counter()
        raise ValueError("so it is")

    def too_many(*_: Any, **__: Any) -> Iterator[Counter[str]]:
        yield Counter()
        raise files.MostlyUnused(900, 1000)

    monkeypatch.setitem(run._STAGES, Kind.VECTORS, fails)
    monkeypatch.setattr(files, "remove", too_many)
    Nightly().work(seconds=60)
    last = log.last_run()
    assert last is not None and last.is_finished and last.counts == {"deliveries": 5}
    assert last.problems[0] == (
        "Not all vectors of replaced versions were looked through: so it is"
    )
    assert last.problems[1].startswith("900 of 1,000 photos in the storage are in no use")


def test_the_sweep_does_it(
    five: list[int], clock: SetClock, no_heartbeats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nights, "this_worker", Nightly())
    tasks.sweep()
    assert len(five) == 5


def test_by_hand(five: list[int], settings: Any) -> None:
    out = StringIO()
    call_command("remove_expired", "--dry-run", stdout=out)
    assert "Passed analyses: kept for ever.\n" in out.getvalue()
    assert "Delivered messages to the shop: kept for 30 days: 5 would go.\n" in out.getvalue()
    assert log.last_run() is None
    out = StringIO()
    call_command("remove_expired", stdout=out)
    assert "kept for 30 days: 5 removed." in out.getvalue()
    last = log.last_run()
    assert last is not None and last.is_finished and last.counts == {"deliveries": 5}


def test_by_hand_a_problem_is_an_error(
    five: list[int], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KEEP_UNUSED_PHOTOS_DAYS = 1

    def too_many(*_: Any, many: bool, **__: Any) -> Iterator[Counter[str]]:
        yield Counter({Kind.PHOTOS: 1 if many else 0})
        if not many:
            raise files.MostlyUnused(900, 1000)

    monkeypatch.setattr(files, "remove", too_many)
    with pytest.raises(CommandError, match="--many-photos"):
        call_command("remove_expired", stdout=StringIO())
    out = StringIO()
    call_command("remove_expired", "--many-photos", stdout=out)
    assert "Photos in no use: kept for 1 day: 1 removed." in out.getvalue()


# ── Where it is told ──────────────────────────────────────────────────────────────────────────
def test_the_page_and_the_metrics_tell_of_it(
    five: list[int], clock: SetClock, make_user: MakeUser
) -> None:
    anna = as_user(make_user("anna"))
    assert "Nothing was looked for yet." in anna.get("/admin/health/").content.decode()
    assert "clipmod_retention_removed{" not in Client().get("/metrics").content.decode()
    Nightly().work(seconds=0)
    page = " ".join(anna.get("/admin/health/").content.decode().split())
    assert "Passed analyses</th><td>for ever</td> <td>0</td>" in page
    assert "Delivered messages to the shop</th><td>30 days</td> <td>1</td>" in page
    assert "Last run: 2 November 2026, 03:00, not finished yet." in page
    told = Client().get("/metrics").content.decode()
    assert 'clipmod_retention_removed{kind="deliveries"} 1.0' in told
    assert "clipmod_retention_problems 0.0" in told
    (started,) = re.findall(r"^clipmod_retention_started_timestamp_seconds (.+)$", told, re.M)
    assert float(started) == timezone.now().timestamp()


def test_a_row_that_somebody_else_wrote_is_no_harm(db: None) -> None:
    now = timezone.now()
    Task.objects.create(id="1", name="a", group=log.GROUP, started=now, stopped=now, func="f")
    last = log.last_run()
    assert last is not None and not last.is_finished and last.counts == {}
