"""What the supervisor takes for silence; the rest is seen in test_never_lost.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from moderation.models import Heartbeat
from moderation.services.learning import training
from moderation.services.running import supervise
from moderation.services.worker import heartbeat

pytestmark = pytest.mark.django_db


def test_a_cluster_is_silent_though_its_neighbour_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = supervise.Cluster(started_at=-1000.0)
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, "neighbour")
    heartbeat.beat(heartbeat.me())

    assert supervise.seconds_of_silence(stuck) > 500


def test_the_newest_beat_of_the_cluster_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = supervise.Cluster(started_at=-1000.0)
    monkeypatch.setenv(heartbeat.CLUSTER_VARIABLE, cluster.name)
    heartbeat.beat(heartbeat.me())
    Heartbeat.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=30))

    assert 29 < supervise.seconds_of_silence(cluster) < 60


def test_a_fresh_cluster_is_not_silent() -> None:
    cluster = supervise.Cluster()
    cluster.started_at = supervise.time.monotonic()

    assert supervise.seconds_of_silence(cluster) < 5


def test_this_process_lives_and_a_reused_pid_does_not(monkeypatch: Any) -> None:
    me = heartbeat.me()
    host, pid, started, cluster = me.split("/")

    assert not heartbeat.is_dead(me)
    assert heartbeat.is_dead(f"{host}/{pid}/{int(started) - 1}/{cluster}")
    assert not heartbeat.is_dead(f"elsewhere/{pid}/1/{cluster}")


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
    trainer = supervise.Trainer()
    trainer.look()
    training.request(mode="auto", options={}, by=None, foreground=True)
    trainer.look()

    assert trainer.process is None


def test_a_training_that_cannot_start_is_not_tried_in_a_tight_loop(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise.subprocess, "Popen", Ended)
    training.request(mode="auto", options={}, by=None)
    trainer = supervise.Trainer()
    for _ in range(5):
        trainer.look()
    assert Ended.started == 1

    trainer.not_before = 0.0
    trainer.look()
    assert Ended.started == 2
    assert trainer.not_before > supervise.time.monotonic() + 3
