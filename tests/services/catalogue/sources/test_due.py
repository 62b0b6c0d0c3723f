"""Sources run when they are due, in one pair of hands, and whoever is killed loses nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from moderation.models import CatalogueSource, Product, SourceRun
from moderation.services.catalogue.sources import due, upkeep
from moderation.services.catalogue.sources import run as run_module
from moderation.services.catalogue.sources.problems import SourceError
from moderation.services.catalogue.sources.seen import Seen
from moderation.services.worker import heartbeat, pause
from tests.support.web_host import Host, hosting
from tools.live_project import LiveProject

from .conftest import MakeSource, read, tsv

State = SourceRun.State
Serve = Callable[..., str]
TEN = [f"S{number}" for number in range(10)]
in_database = pytest.mark.django_db(transaction=True)


def due_now(source: CatalogueSource) -> None:
    CatalogueSource.objects.filter(pk=source.pk).update(next_at=Now())


# ── When ──────────────────────────────────────────────────────────────────────────────────────
@in_database
def test_it_runs_at_once_and_then_at_its_interval(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)), every_hours=6)
    assert due.is_any()
    run = due.claim("a/1/1")
    assert run is not None and run.source == source
    assert not due.is_any() and due.claim("b/1/1") is None
    run_module.work(run, "a/1/1")
    source.refresh_from_db()
    assert source.next_at is not None
    assert timedelta(hours=5.9) < source.next_at - timezone.now() < timedelta(hours=6.1)
    due_now(source)
    assert due.is_any()
    assert SourceRun.objects.get().state == State.DONE


@in_database
def test_by_hand_only_or_without_an_address_it_never_runs_by_itself(
    serve: Serve, make_source: MakeSource
) -> None:
    make_source(serve(tsv(*TEN)))
    source = make_source(name="by file")
    source.every_hours = 3
    upkeep.save(source, changed={"every_hours"}, by=None)
    assert not due.is_any() and due.claim("a/1/1") is None


@in_database
def test_another_address_is_read_in_full(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN), etag='"1"'))
    read(source)
    assert source.etag == '"1"'
    source.profile = "google"
    upkeep.save(source, changed={"profile"}, by=None)
    assert read(source).state == State.DONE


@in_database
def test_a_host_with_an_error_is_asked_again_soon_and_then_less_often(
    host: Host, make_source: MakeSource
) -> None:
    host.answers["/feed"] = lambda exchange: exchange.answer(status=503)
    source = make_source(host.url("/feed"), every_hours=24)
    waits = []
    for _ in range(3):
        CatalogueSource.objects.update(next_at=Now())
        claimed = due.claim("a/1/1")
        assert claimed is not None
        run_module.work(claimed, "a/1/1")
        source.refresh_from_db()
        assert source.next_at is not None
        waits.append(round((source.next_at - timezone.now()).total_seconds() / 60))
    assert waits == [15, 60, 240]


@in_database
def test_what_will_not_mend_itself_waits_for_the_interval(
    host: Host, make_source: MakeSource
) -> None:
    host.answers["/feed"] = lambda exchange: exchange.answer(status=404)
    source = make_source(host.url("/feed"), every_hours=24)
    claimed = due.claim("a/1/1")
    assert claimed is not None
    run_module.work(claimed, "a/1/1")
    source.refresh_from_db()
    assert source.next_at is not None
    assert source.next_at - timezone.now() > timedelta(hours=23)


@in_database
def test_one_live_run_a_source(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)), every_hours=1)
    due.request(source, by=None)
    with pytest.raises(SourceError, match="under way already"):
        due.request(source, by=None)
    assert due.claim("a/1/1") is not None  # it is due as well, and that is the same run
    assert SourceRun.objects.count() == 1


# ── Whose ─────────────────────────────────────────────────────────────────────────────────────
@in_database
def test_an_expired_lease_is_taken_over_and_the_first_one_writes_no_more(
    serve: Serve, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(serve(tsv(*TEN)))
    first = due.claim_one(due.request(source, by=None).pk, "elsewhere/1/1")
    assert first is not None and due.claim("b/1/1") is None
    SourceRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    second = due.claim("b/1/1")
    assert second is not None and second.pk == first.pk
    run_module.work(first, "elsewhere/1/1")
    assert not Product.objects.exists()
    run_module.work(second, "b/1/1")
    run = SourceRun.objects.get()
    assert (run.state, run.created) == (State.DONE, 10)


@in_database
def test_a_run_that_ends_every_process_fails(serve: Serve, make_source: MakeSource) -> None:
    source = make_source(serve(tsv(*TEN)))
    due.request(source, by=None)
    for attempt in range(3):
        assert due.claim(f"elsewhere/{attempt}/1") is not None
        SourceRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert due.claim("elsewhere/4/1") is None
    run = SourceRun.objects.get()
    assert run.state == State.FAILED and "3 processes" in run.error


@in_database
def test_a_source_that_is_removed_meanwhile(
    serve: Serve, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(serve(tsv(*TEN)))
    run = due.claim_one(due.request(source, by=None).pk, heartbeat.me())
    assert run is not None
    upkeep.remove(source, by=None)
    run_module.work(run, heartbeat.me())
    assert not Product.objects.exists() and not SourceRun.objects.exists()


# ── Held and stopped ──────────────────────────────────────────────────────────────────────────
@in_database
def test_a_pause_holds_it_and_it_ends_right_after(
    serve: Serve, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = User.objects.create(username="boss")
    source = make_source(serve(tsv(*TEN)), every_hours=1)
    run = due.claim(heartbeat.me())
    assert run is not None
    pause.switch(on=True, by=boss)
    run_module.work(run, heartbeat.me())
    run.refresh_from_db()
    assert (run.state, run.attempts) == (State.WAITING, 0) and not Product.objects.exists()
    assert not due.is_any() and due.claim(heartbeat.me()) is None
    pause.switch(on=False, by=boss)
    assert due.is_any()
    again = due.claim(heartbeat.me())
    assert again is not None
    run_module.work(again, heartbeat.me())
    assert SourceRun.objects.get().created == 10
    assert source.runs.count() == 1


@in_database
def test_an_error_of_clipmod_is_told_and_the_next_run_goes_on(
    serve: Serve, make_source: MakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(serve(tsv(*TEN)))

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Seen, "stored", fails)
    run = read(source)
    assert run.state == State.FAILED and "ZeroDivisionError" in run.error
    monkeypatch.undo()
    assert read(source).created == 10


# ── Killed for real ───────────────────────────────────────────────────────────────────────────
ROWS = 12 * 256


@pytest.fixture
def host_of_many() -> Iterator[Host]:
    with hosting() as host:
        yield host


def start(project: LiveProject, host: Host, body: bytes) -> None:
    project.environment |= {"FETCH_ALLOW": "127.0.0.1"}
    project.environment |= {"IMPORT_DIR": str(project.folder / "imports")}
    host.answers["/feed.tsv"] = lambda exchange: exchange.answer(body)
    project.manage("source", "add", "shop", host.url("/feed.tsv"), "--every", "6h")


def products(project: LiveProject) -> int:
    return int(project.rows("SELECT count(*) FROM moderation_product")[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_whoever_is_killed_or_stopped_another_ends_it_right(
    project: LiveProject, host_of_many: Host, sign: signal.Signals
) -> None:
    start(project, host_of_many, tsv(*(f"S{number}" for number in range(ROWS))))
    process = project.start("run_sources")
    project.wait_until(lambda: products(project) > 0, seconds=120, what="the first rows are in")
    stopped_at = time.monotonic()
    process.send_signal(sign)
    process.wait()
    assert time.monotonic() - stopped_at < 5
    assert 0 < products(project) < ROWS and products(project) % 256 == 0

    project.manage("run_sources")
    ((state, created, updated, unchanged, attempts),) = project.rows(
        "SELECT state, created, updated, unchanged, attempts FROM moderation_sourcerun"
    )
    assert (state, created, updated, unchanged) == ("done", ROWS, 0, 0), project.logs()
    assert attempts == (2 if sign == signal.SIGKILL else 1)
    assert products(project) == project.count("status = 'pending'") + _waiting(project) == ROWS
    assert not list((project.folder / "imports").glob("*"))


def _waiting(project: LiveProject) -> int:
    return int(
        project.rows("SELECT count(*) FROM moderation_productphoto WHERE state = 'waiting'")[0][0]
    )


@pytest.mark.slow
@pytest.mark.any_database
def test_the_worker_reads_what_is_due(
    project: LiveProject, host_of_many: Host, tmp_path: Path
) -> None:
    start(project, host_of_many, tsv(*TEN))
    process = project.start("worker")
    project.wait_until(lambda: products(project) == 10, seconds=60, what="the source is read")
    process.send_signal(signal.SIGTERM)
    process.wait()
