"""The row of a training is the truth: one is live, others wait for it, and the dead lose it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.clip.finetune.refusals import DataRefused
from moderation.clip.training.progress import Update
from moderation.models import TrainingRun
from moderation.services.learning import training, training_log, training_sweep, training_work
from moderation.services.worker import heartbeat

pytestmark = pytest.mark.django_db
Status = TrainingRun.Status


@pytest.fixture(autouse=True)
def checkpoints(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    monkeypatch.setattr(training_log, "SECONDS_BETWEEN_WRITES", 0.0)
    return tmp_path / "checkpoints"


@pytest.fixture
def ask(bundled: Any) -> Callable[..., TrainingRun]:
    def ask(**changes: Any) -> TrainingRun:
        return training.request(**{"mode": "auto", "options": {}, "by": None} | changes)

    return ask


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Puts something quick in place of the training itself."""

    def put(work: Callable[..., Any]) -> None:
        monkeypatch.setattr(training_work, "train", work)

    return put


def a_dead_process() -> str:
    """The name of a process of this host that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    host, _, *_ = heartbeat.me().split("/")
    return f"{host}/{process.pid}/12345/"


def test_only_one_training_is_live(ask: Callable[..., TrainingRun]) -> None:
    first = ask()

    with pytest.raises(training.TrainingRefused, match=f"Training {first.pk} is queued; wait"):
        ask(mode="head")
    training.cancel(first)
    assert ask(mode="head").status == Status.QUEUED


def test_an_unknown_mode_and_a_full_folder_are_refused(
    ask: Callable[..., TrainingRun], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("keep me")

    with pytest.raises(training.TrainingRefused, match="choose auto, calibrate, head"):
        ask(mode="best")
    with pytest.raises(training.TrainingRefused, match="exists and is not empty"):
        ask(output_dir=str(tmp_path))


def test_progress_curve_and_log_reach_the_row(
    ask: Callable[..., TrainingRun], working: Callable[..., None]
) -> None:
    seen = []

    def work(run: TrainingRun, keeper: training_log.Keeper) -> None:
        keeper(Update("Reading", 0.25, line="12 photos read."))
        keeper(Update("Training", 0.5, point={"step": 3, "train": 0.7, "validation": 0.6}))
        row = TrainingRun.objects.get(pk=run.pk)
        seen.append((row.status, row.doing, row.progress, row.curve, row.log))
        assert row.heartbeat_at is not None
        assert row.claimed_by == heartbeat.me()

    working(work)
    heard: list[Update] = []
    run = training.run(ask(), report=heard.append)

    point = {"step": 3, "train": 0.7, "validation": 0.6}
    assert seen == [(Status.RUNNING, "Training", 0.5, [point], "12 photos read.\n")]
    assert [update.doing for update in heard] == ["Reading", "Training"]
    assert (run.status, run.live, run.progress, run.attempts) == (Status.DONE, None, 1.0, 1)
    assert run.finished_at is not None


def test_a_long_curve_keeps_its_shape_and_all_validation_points(
    ask: Callable[..., TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_log, "SECONDS_BETWEEN_WRITES", 60.0)
    run = ask()
    TrainingRun.objects.filter(pk=run.pk).update(status=Status.RUNNING, claimed_by="me")
    keeper = training_log.Keeper(run, owner="me")
    for step in range(10_000):
        judged = {"validation": 0.1} if step % 100 == 0 else {}
        keeper(Update("Training", 0.5, point={"step": step, "train": 0.5, **judged}))

    steps = [point["step"] for point in run.curve]
    assert len(steps) <= training_log.LONGEST_CURVE
    assert steps == sorted(steps)
    assert sum("validation" in point for point in run.curve) == 100
    assert steps[-1] > 9_900


def test_a_failure_is_a_sentence(
    ask: Callable[..., TrainingRun], working: Callable[..., None]
) -> None:
    def refuse(run: TrainingRun, keeper: training_log.Keeper) -> None:
        raise ModelError("The data holds 3 mismatches; at least 20 are needed.")

    def break_down(run: TrainingRun, keeper: training_log.Keeper) -> None:
        raise ZeroDivisionError("division by zero")

    working(refuse)
    run = training.run(ask())
    assert (run.status, run.live) == (Status.FAILED, None)
    assert run.error == "The data holds 3 mismatches; at least 20 are needed."
    working(break_down)
    assert "Something unexpected went wrong (ZeroDivisionError" in training.run(ask()).error


def test_a_cancelled_training_leaves_nothing(
    ask: Callable[..., TrainingRun], working: Callable[..., None], checkpoints: Path
) -> None:
    def work(run: TrainingRun, keeper: training_log.Keeper) -> None:
        folder = training_work.folder_of(run)
        folder.mkdir(parents=True)
        (folder / "half.bin").write_bytes(b"half")
        training.cancel(TrainingRun.objects.get(pk=run.pk))
        keeper(Update("Training", 0.5))
        pytest.fail("it went on")

    working(work)
    run = training.run(ask())

    assert (run.status, run.live) == (Status.CANCELLED, None)
    assert list(checkpoints.iterdir()) == []


def test_a_worker_that_shall_stop_puts_the_training_back(
    ask: Callable[..., TrainingRun], working: Callable[..., None]
) -> None:
    working(lambda run, keeper: keeper(Update("Training", 0.5)))
    run = training.run(ask(), should_stop=lambda: True)

    assert (run.status, run.live, run.claimed_by, run.attempts) == (Status.QUEUED, True, "", 0)
    assert training.run(run).status == Status.DONE


def test_a_queued_training_is_carried_out_once(
    ask: Callable[..., TrainingRun], working: Callable[..., None]
) -> None:
    def work(run: TrainingRun, keeper: training_log.Keeper) -> None:
        with pytest.raises(training.TrainingRefused, match="somebody else has taken it up"):
            training.run(TrainingRun.objects.get(pk=run.pk))

    working(work)
    assert training.run(ask()).status == Status.DONE


def test_the_worker_leaves_a_training_of_the_terminal_alone(
    ask: Callable[..., TrainingRun],
) -> None:
    run = ask(foreground=True)
    assert training.queued() is None

    TrainingRun.objects.filter(pk=run.pk).update(claimed_by=a_dead_process())
    training_sweep.sweep()
    run.refresh_from_db()
    assert (run.status, run.live) == (Status.FAILED, None)
    assert "train_clip --resume" in run.error


# ── The dead ──────────────────────────────────────────────────────────────────────────────────
def dies(run: TrainingRun) -> TrainingRun:
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Status.RUNNING,
        claimed_by=a_dead_process(),
        attempts=run.attempts + 1,
        heartbeat_at=timezone.now(),
    )
    training_sweep.sweep()
    run.refresh_from_db()
    return run


def test_a_killed_training_waits_again_and_is_given_up_in_the_end(
    ask: Callable[..., TrainingRun],
) -> None:
    run = dies(ask())
    assert (run.status, run.claimed_by) == (Status.QUEUED, "")
    assert training.queued() == run
    assert "was killed or stopped answering. It resumes" in run.log

    run = dies(dies(run))
    assert (run.status, run.live) == (Status.FAILED, None)
    assert "Given up after 3 attempts" in run.error


def test_a_killed_training_that_was_cancelled_is_not_taken_up(
    ask: Callable[..., TrainingRun], checkpoints: Path
) -> None:
    run = ask()
    (training_work.folder_of(run)).mkdir(parents=True)
    TrainingRun.objects.filter(pk=run.pk).update(cancel_asked=True)

    assert dies(run).status == Status.CANCELLED
    assert list(checkpoints.iterdir()) == []


def test_one_that_was_silent_too_long_loses_its_row(
    ask: Callable[..., TrainingRun], working: Callable[..., None]
) -> None:
    def work(run: TrainingRun, keeper: training_log.Keeper) -> None:
        long_ago = timezone.now() - training_sweep.SILENCE - timedelta(seconds=1)
        TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=long_ago)
        training_sweep.sweep()
        keeper(Update("Training", 0.5))
        pytest.fail("it went on with a row that another one may have")

    working(work)
    run = training.run(ask())
    assert (run.status, run.claimed_by) == (Status.QUEUED, "")


def test_a_failed_training_goes_on_when_asked(
    ask: Callable[..., TrainingRun], working: Callable[..., None], checkpoints: Path
) -> None:
    def fail(run: TrainingRun, keeper: training_log.Keeper) -> None:
        training_work.folder_of(run).mkdir(parents=True)
        raise ModelError("No memory is left.")

    working(fail)
    assert training.cut_off() is None
    training.run(ask())
    run = training.cut_off()
    assert run is not None

    working(lambda run, keeper: None)
    assert training.run(training.resume(run, foreground=True)).status == Status.DONE
    assert training.cut_off() is None
    with pytest.raises(training.TrainingRefused, match="only one that failed"):
        training.resume(run)


def test_this_process_lives(ask: Callable[..., TrainingRun]) -> None:
    run = ask(foreground=True)
    training_sweep.sweep()
    run.refresh_from_db()
    assert run.status == Status.QUEUED
    assert str(os.getpid()) in run.claimed_by


def test_cancelling_keeps_the_version_that_was_made(
    ask: Callable[..., TrainingRun], bundled: Any, tmp_path: Path
) -> None:
    """A loop that waits to go on with its new scores may have put its version to work already."""
    run = ask()
    folder = tmp_path / "made"
    folder.mkdir()
    TrainingRun.objects.filter(pk=run.pk).update(version=bundled, output_dir=str(folder))

    training.cancel(run)

    assert run.status == Status.CANCELLED
    assert folder.is_dir()


def test_each_training_has_a_folder_of_its_own(ask: Callable[..., TrainingRun]) -> None:
    """Numbers come again in another database that shares the checkpoints' folder."""
    run = ask()
    folder = training_work.folder_of(run)
    again = TrainingRun(pk=run.pk, created_at=run.created_at + timedelta(seconds=1))

    assert training_work.folder_of(run) == folder
    assert training_work.folder_of(again) != folder


# ── What it leaves behind ─────────────────────────────────────────────────────────────────────
def test_a_data_refusal_leaves_nothing_that_would_be_refused_again(
    ask: Callable[..., TrainingRun], working: Callable[..., None], checkpoints: Path
) -> None:
    def refuse(run: TrainingRun, keeper: training_log.Keeper) -> None:
        folder = training_work.folder_of(run)
        (folder.parent / "dataset").mkdir(parents=True)
        keeper.save(dataset=str(folder.parent / "dataset"), output_dir=str(folder))
        raise DataRefused("The validation part holds no mismatches.")

    working(refuse)
    run = training.run(ask())

    assert (run.status, run.error) == (Status.FAILED, "The validation part holds no mismatches.")
    assert training.cut_off() is None
    assert (run.output_dir, run.dataset) == ("", "")
    assert list(checkpoints.iterdir()) == []


def test_cancelling_keeps_the_users_own_files(
    ask: Callable[..., TrainingRun], tmp_path: Path
) -> None:
    own, data = tmp_path / "own", tmp_path / "snapshot"
    data.mkdir()
    run = ask(output_dir=str(own), dataset=str(data))
    (own / "best_model").mkdir(parents=True)
    (own / "notes.txt").write_text("keep me")

    training.cancel(run)

    assert [path.name for path in own.iterdir()] == ["notes.txt"]
    run.refresh_from_db()
    assert (run.output_dir, run.dataset) == ("", str(data))


def test_one_of_another_hosts_terminal_that_never_began_makes_room(
    ask: Callable[..., TrainingRun],
) -> None:
    run = ask(foreground=True)
    TrainingRun.objects.filter(pk=run.pk).update(claimed_by="elsewhere/1/1/")
    training_sweep.sweep()
    run.refresh_from_db()
    assert run.status == Status.QUEUED

    long_ago = timezone.now() - training_sweep.SILENCE - timedelta(seconds=1)
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=long_ago)
    assert ask().status == Status.QUEUED
    run.refresh_from_db()
    assert (run.status, run.live) == (Status.FAILED, None)


def test_one_that_is_taken_up_again_is_not_taken_for_dead(ask: Callable[..., TrainingRun]) -> None:
    run = ask()
    long_ago = timezone.now() - 2 * training_sweep.SILENCE
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Status.FAILED, live=None, heartbeat_at=long_ago, created_at=long_ago
    )
    run = training.resume(run, foreground=True)
    training_sweep.sweep()
    run.refresh_from_db()
    assert run.status == Status.QUEUED
