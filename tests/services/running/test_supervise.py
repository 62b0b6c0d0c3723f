"""What the supervisor takes for silence; the rest is seen in test_never_lost.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from moderation.models import CatalogueSource, Heartbeat
from moderation.services.catalogue import intake
from moderation.services.catalogue.intake import Listing
from moderation.services.catalogue.sources import upkeep
from moderation.services.learning import training
from moderation.services.running import supervise
from moderation.services.worker import heartbeat

pytestmark = pytest.mark.django_db


def test_a_cluster_is_silent_though_its_neighbour_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = supervise.Cluster(heard_of_at=-1000.0)
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, "neighbour")
    heartbeat.beat(heartbeat.me())

    assert supervise.seconds_of_silence(stuck) > 500


def test_the_newest_beat_of_the_cluster_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = supervise.Cluster(heard_of_at=-1000.0)
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, cluster.name)
    heartbeat.beat(heartbeat.me())
    Heartbeat.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=30))

    assert 29 < supervise.seconds_of_silence(cluster) < 60


def test_a_fresh_cluster_is_not_silent() -> None:
    cluster = supervise.Cluster()
    cluster.heard_of_at = supervise.time.monotonic()

    assert supervise.seconds_of_silence(cluster) < 5


def test_time_without_a_database_is_no_silence_and_does_not_excuse_what_came_before() -> None:
    stuck = supervise.Cluster(heard_of_at=supervise.time.monotonic() - 80)
    stuck.could_not_be_heard(30)
    assert 49 < supervise.seconds_of_silence(stuck) < 55

    stuck.could_not_be_heard(500)
    assert supervise.seconds_of_silence(stuck) == pytest.approx(0, abs=5)


def test_this_process_lives_and_a_reused_pid_does_not(monkeypatch: Any) -> None:
    me = heartbeat.me()
    host, pid, started, cluster = me.split("/")

    assert not heartbeat.is_dead(me)
    assert heartbeat.is_dead(f"{host}/{pid}/{int(started) - 1}/{cluster}")
    assert not heartbeat.is_dead(f"elsewhere/{pid}/1/{cluster}")


def test_a_host_of_the_same_name_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, pid, _started, cluster = heartbeat.me().split("/")
    name, _, mark = machine.rpartition("-")

    assert name == supervise.os.uname().nodename
    assert not heartbeat.is_dead(f"{name}-{'0' * len(mark)}/{pid}/1/{cluster}")


def test_a_clock_that_is_wrong_keeps_nobody_alive(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WORKER_STALE_SECONDS = 60
    monkeypatch.setattr(timezone, "now", lambda: datetime(2100, 1, 1, tzinfo=UTC))
    heartbeat.beat("ahead/1/1/a")

    assert heartbeat.health().alive
    assert heartbeat.health().seconds_since_heartbeat == pytest.approx(0, abs=5)


def test_a_database_that_does_not_answer_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    answers = [*[OperationalError("the connection\nwas closed")] * 3, "here I am"]

    def question() -> str:
        answer = answers.pop(0)
        if isinstance(answer, OperationalError):
            raise answer
        return answer

    database = supervise.Patience()
    told = [database.ask(question) for _ in range(4)]

    assert told == [None, None, None, "here I am"]
    assert [record.getMessage() for record in caplog.records] == [
        "The database does not answer, waiting for it: the connection was closed",
        "The database answers again",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_worker_beats_while_one_step_takes_long(settings: Any) -> None:
    settings.WORKER_STALE_SECONDS = 1
    started = timezone.now()
    with heartbeat.beating("me", doing="loading the model"):
        supervise.time.sleep(0.8)

    beat = Heartbeat.objects.get(worker="me")
    assert beat.heartbeat_at > started + timedelta(seconds=0.2)
    assert beat.doing == "loading the model"


# ── Trainings ─────────────────────────────────────────────────────────────────────────────────
class Ended:
    """A process that ended at once, without touching its training."""

    started = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        Ended.started += 1

    def poll(self) -> int:
        return 1


def test_nothing_runs_while_nothing_is_to_be_trained(bundled: Any) -> None:
    trainer = supervise.trainer()
    trainer.look()
    training.request(mode="auto", options={}, by=None, foreground=True)
    trainer.look()

    assert trainer.process is None


def test_a_training_that_cannot_start_is_not_tried_in_a_tight_loop(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise.subprocess, "Popen", Ended)
    training.request(mode="auto", options={}, by=None)
    trainer = supervise.trainer()
    for _ in range(5):
        trainer.look()
    assert Ended.started == 1

    trainer.not_before = 0.0
    trainer.look()
    assert Ended.started == 2
    assert trainer.not_before > supervise.time.monotonic() + 3


def test_sources_are_read_beside_the_cluster_when_they_are_due(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(
        supervise.subprocess, "Popen", lambda command, **options: started.append(command[2])
    )
    reader = supervise.reader()
    source = CatalogueSource(name="shop", address="/srv/feed.csv")
    upkeep.save(source, changed={"address"}, by=None)
    reader.look()
    assert not started

    source.every_hours = 6
    upkeep.save(source, changed={"every_hours"}, by=None)
    reader.look()
    assert started == ["run_sources"]


def test_photos_are_fetched_beside_the_cluster_while_any_waits(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(
        supervise.subprocess, "Popen", lambda command, **options: started.append(command[2])
    )
    fetcher = supervise.fetcher()
    fetcher.look()
    assert not started

    listing = Listing("SKU-1", "A ball", None, addresses=("https://cdn.shop.example/1.jpg",))
    intake.take(listing, source="api")
    fetcher.look()
    assert started == ["run_fetches"]
