"""`train_clip` from a CSV: a candidate that loads, refusals in sentences, killed and resumed."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from moderation.clip.finetune import auto, read
from moderation.clip.finetune.run import FinetuneResult
from moderation.clip.training.progress import Cancelled, Update
from moderation.models import ModelVersion, TrainingRun
from moderation.services.learning import training, training_curve, training_result, training_work
from moderation.services.learning.training_log import Keeper
from moderation.services.registry import files, registering, versions
from tests.support.clip_models import build_folder, photo
from tools.live_project import LiveProject

PAIRS = 120
Status = TrainingRun.Status


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), PAIRS)


def write_pairs(
    folder: Path, count: int, *, wrong: int = 3, text: str = "Product number {}"
) -> Path:
    """`pairs.csv` with a smooth picture each; every `wrong`-th row is called a mismatch."""
    with (folder / "pairs.csv").open("w", newline="") as file:
        write = csv.writer(file).writerow
        write(["image_path", "text", "label"])
        for number in range(count):
            photo(number).save(folder / f"{number}.jpg")
            write([f"{number}.jpg", text.format(number), int(number % wrong > 0)])
    return folder / "pairs.csv"


@pytest.fixture(autouse=True)
def checkpoints(settings: Any, tmp_path: Path) -> Path:
    settings.CLIP_CHECKPOINT_DIR = tmp_path / "checkpoints"
    return tmp_path / "checkpoints"


def train(*arguments: str) -> str:
    out = StringIO()
    call_command("train_clip", *arguments, stdout=out)
    return out.getvalue()


# ── A candidate ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
@pytest.mark.any_database
def test_a_csv_becomes_a_candidate(
    bundled: Any, tiny_folder: Path, pairs: Path, tmp_path: Path
) -> None:
    said = train(
        *("--train-csv", str(pairs), "--model-name", str(tiny_folder), "--mode", "head"),
        *("--epochs", "2", "--output-dir", str(tmp_path / "out")),
    )

    run = TrainingRun.objects.get()
    version = run.version
    assert version is not None
    base = ModelVersion.objects.get(source=ModelVersion.Source.FOLDER)
    assert (run.status, run.live, run.base) == (Status.DONE, None, base)
    assert (version.status, version.source) == ("candidate", "trained")
    assert (version.parent, version.vision_of) == (base, base)
    assert version.location == str(tmp_path / "out" / "best_model")
    assert version.platt_a is not None
    assert version.calibration
    assert version.metrics["calibration_part"]["new"]["auc"] >= 0
    assert files.folder_of(version) == tmp_path / "out" / "best_model"
    assert (tmp_path / "out" / "final_model" / "config.json").is_file()
    assert versions.current() == bundled
    assert [point["step"] for point in run.curve] == sorted(p["step"] for p in run.curve)
    assert f"Model version {version.name} is a candidate" in said
    assert f"manage.py promote {version.name}" in said
    assert training_curve.in_words(run.curve) in said
    for reason in run.reasons:
        assert reason in said


@pytest.mark.django_db
@pytest.mark.any_database
def test_the_same_seed_gives_the_same_weights(
    bundled: Any, tiny_folder: Path, pairs: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        train(
            *("--train-csv", str(pairs), "--model-name", str(tiny_folder), "--mode", "head"),
            *("--epochs", "1", "--seed", "7", "--output-dir", str(tmp_path / name)),
        )
    one, two = ModelVersion.objects.filter(source="trained")
    assert one.weights_sha256 == two.weights_sha256
    assert one.name != two.name


@pytest.mark.django_db
@pytest.mark.parametrize(("same_towers", "reads"), [(False, ["en", "de"]), (True, ["en"])])
def test_a_version_reads_the_language_that_its_towers_were_trained_on(
    bundled: ModelVersion,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    same_towers: bool,
    reads: list[str],
) -> None:
    monkeypatch.setattr(auto, "MIN_LISTINGS", 50)  # German ones; the real number takes long
    german = write_pairs(tmp_path, PAIRS, text="Herren Winterjacke mit Kapuze schwarz {}")
    folder = build_folder(tmp_path / "trained")
    (folder / "clipmod.json").write_text('{"threshold": 0.2}')
    run = training.request(mode="full", options={}, by=None, base=bundled)
    TrainingRun.objects.filter(pk=run.pk).update(status=Status.RUNNING, claimed_by="me")

    version = training_result.register(
        run,
        Keeper(run, owner="me"),
        FinetuneResult(folder, "full", [], same_towers),
        data=read.read_csvs(german, None, tmp_path, seed=0),
    )

    assert version is not None and version.languages == reads


@pytest.mark.django_db
def test_a_trained_version_is_named_after_its_first_base(bundled: Any) -> None:
    hub = registering.register("openai/clip-vit-base-patch32")
    run = TrainingRun(pk=12, base=hub)
    assert training_result.name_for(run) == "clip-vit-base-patch32-t12"
    hub.name = "clip-vit-base-patch32-t12"
    assert training_result.name_for(TrainingRun(pk=15, base=hub)) == "clip-vit-base-patch32-t15"


@pytest.mark.django_db
@pytest.mark.any_database
def test_where_nothing_was_gained_nothing_is_left(
    bundled: Any, tmp_path: Path, checkpoints: Path
) -> None:
    """Too few labels to train weights, and the probabilities are fitted to these very labels."""
    asked = ("--train-csv", str(write_pairs(tmp_path, 90, wrong=2)), "--mode", "full")
    train(*asked, "--output-dir", str(tmp_path / "first"))
    first = TrainingRun.objects.get()
    before = set(checkpoints.iterdir())

    with pytest.raises(CommandError, match="No candidate was made") as nothing:
        train(
            *(*asked, "--model-name", str(tmp_path / "first" / "best_model")),
            *("--output-dir", str(tmp_path / "out")),
        )

    assert nothing.value.returncode == 3
    run = TrainingRun.objects.exclude(pk=first.pk).get()
    assert (run.status, run.version, run.mode) == (Status.DONE, None, "calibrate")
    assert (run.dataset, run.output_dir) == ("", "")
    assert run.options["mode_asked"] == "All weights"
    assert "90 labels are too few to train weights" in "".join(run.reasons)
    assert run.reasons[-1].startswith("Nothing was gained: weights, threshold")
    assert list(ModelVersion.objects.filter(source="trained")) == [first.version]
    assert not (tmp_path / "out").exists()
    assert set(checkpoints.iterdir()) == before


# ── Refusals ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_too_few_labels_are_refused_in_a_sentence(bundled: Any, tmp_path: Path) -> None:
    few = write_pairs(tmp_path, 30)

    with pytest.raises(CommandError, match="20 matches and 10 mismatches; at least 20 of each"):
        train("--train-csv", str(few))
    assert TrainingRun.objects.get().status == Status.FAILED
    assert not ModelVersion.objects.filter(source="trained").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--train-csv", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--val-csv", "pairs.csv"], "--val-csv goes with --train-csv"),
        (["--train-csv", "a.csv", "--dataset", "b"], "either --train-csv or --dataset"),
        (["--image-base-path", "photos"], "--image-base-path goes with --train-csv"),
        (["--train-csv", "a.csv", "--replay-csv", "b.csv"], "--replay-csv goes with training from"),
        (["--seed", "-1"], "'-1' is no seed"),
        (["--learning-rate", "nan"], "'nan' is no number above 0"),
        (["--epochs", "0"], "'0' is no whole number above 0"),
        (["--resume"], "No training was cut off"),
        (["--model-name", "no/such/folder"], "There is no model folder no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_said(bundled: Any, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        train(*arguments)


@pytest.mark.django_db
def test_a_second_training_is_refused(bundled: Any, pairs: Path) -> None:
    said = train("--train-csv", str(pairs), "--background")
    assert "waits for the worker" in said
    assert "No worker is running" in said

    with pytest.raises(CommandError, match=r"Training \d+ is queued; wait until it is done"):
        train("--train-csv", str(pairs))


@pytest.mark.django_db
def test_ctrl_c_says_how_to_go_on(
    bundled: Any, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_work, "train", stopped)
    with pytest.raises(CommandError, match="train_clip --resume") as end:
        train("--train-csv", str(pairs))
    assert end.value.returncode == 130


@pytest.mark.django_db
def test_what_was_stopped_can_go_on_though_another_one_was_refused_since(
    bundled: Any, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(update: Update) -> None:
        if update.point:
            raise KeyboardInterrupt

    run = training.request(mode="head", options={"train_csv": str(pairs)}, by=None)
    with pytest.raises(KeyboardInterrupt):
        training.run(run, report=stopped)
    with pytest.raises(CommandError, match="at least 20 of each"):
        train("--train-csv", str(write_pairs(tmp_path, 30)))
    with pytest.raises(CommandError, match="leave out --epochs"):
        train("--resume", "--epochs", "3")

    assert f"Training {run.pk} resumes" in train("--resume")

    run.refresh_from_db()
    assert run.status == Status.DONE
    assert run.curve[0]["step"] == 0 and run.curve[0]["validation"] > 0  # the base's


# ── Cut off ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_cancelled_in_the_middle_leaves_nothing(
    bundled: Any, tiny_folder: Path, pairs: Path, checkpoints: Path
) -> None:
    run = training.request(
        mode="full",
        options={"train_csv": str(pairs), "epochs": 50},
        by=None,
        base=registering.register(str(tiny_folder)),
    )

    def cancel_at_first_epoch(update: Update) -> None:
        if update.point:
            raise Cancelled("Enough.")

    run = training.run(run, report=cancel_at_first_epoch)

    assert (run.status, run.version) == (Status.CANCELLED, None)
    assert list(checkpoints.iterdir()) == []


@pytest.fixture
def project(make_project: Callable[..., LiveProject], tmp_path: Path) -> LiveProject:
    return make_project(CLIP_CHECKPOINT_DIR=str(tmp_path / "made"))


@pytest.mark.slow
@pytest.mark.any_database
def test_killed_and_resumed_it_ends_with_the_weights_of_one_that_was_not(
    project: LiveProject, tiny_folder: Path, pairs: Path
) -> None:
    command = ["train_clip", "--train-csv", str(pairs), "--model-name", str(tiny_folder)]
    # Pair by pair, so that it lasts for some seconds and does not end before the kill.
    command += ["--mode", "full", "--epochs", "4", "--batch-size", "1"]
    project.manage(*command)
    killed = project.start(*command)
    curve = "SELECT curve FROM moderation_trainingrun WHERE id = 2"
    project.wait_until(
        lambda: "step" in str(project.rows(curve)), seconds=120, what="an epoch was done"
    )
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    project.manage("train_clip", "--resume")

    hashes = project.rows(
        "SELECT weights_sha256 FROM moderation_modelversion WHERE source = 'trained'"
    )
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


@pytest.mark.slow
@pytest.mark.any_database
def test_the_worker_trains_beside_analyses_and_takes_up_what_was_killed(
    project: LiveProject, tiny_folder: Path, pairs: Path
) -> None:
    project.manage(
        *(
            "train_clip",
            "--train-csv",
            str(pairs),
            "--model-name",
            str(tiny_folder),
            "--background",
        ),
        # Pair by pair, so that it lasts for some seconds and does not end before the kill.
        *("--mode", "full", "--epochs", "12", "--batch-size", "1"),
    )
    project.start("worker")

    def row(column: str) -> str:
        return str(project.rows(f"SELECT {column} FROM moderation_trainingrun")[0][0])

    project.wait_until(lambda: "step" in row("curve"), seconds=120, what="an epoch was done")
    os.kill(int(row("claimed_by").split("/")[1]), signal.SIGKILL)
    project.wait_until(lambda: row("live") not in ("1", "True"), seconds=180, what="it ended")

    assert row("status") == "done", row("error")
    assert row("attempts") == "2"
    assert "was killed or stopped answering. It resumes where it was" in row("log")
    made = "SELECT count(*) FROM moderation_modelversion WHERE source = 'trained'"
    assert project.rows(made) == [(1,)]
