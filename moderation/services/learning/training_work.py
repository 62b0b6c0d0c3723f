"""The work of one training: its data, the fine-tuning, and the version that comes of it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from moderation.clip.errors import ModelError
from moderation.clip.training.progress import Report, Update, part
from moderation.models import ModelVersion, TrainingRun

from ..registry import files
from . import training_processes, training_result
from .training_log import Keeper

if TYPE_CHECKING:
    from moderation.clip.finetune.data import FinetuneData
    from moderation.clip.finetune.features import Vectors
    from moderation.clip.finetune.settings import FinetuneSettings

# Where the data of a training is: {"folder"}, or the arguments of `read_csvs`.
Source = dict[str, Any]
# What a run's options may hold for the engine; the rest says how the training came about.
ENGINE_OPTIONS = (
    *("epochs", "batch_size", "learning_rate", "seed", "device", "minutes"),
    "save_all_checkpoints",
)
# The guide's numbers are for models of this size and more; smaller ones have their own.
_LARGE_BYTES = 100_000_000


def train(run: TrainingRun, keeper: Keeper) -> ModelVersion | None:
    """Carry a claimed training out: collect the data, train, register a CANDIDATE.

    None, and no files, where nothing was gained. A version that was made before the process died
    is taken as it is. Raises `ClipError`, `DatasetError`, and what `keeper` raises to stop.
    """
    return train_within(run, keeper, keeper)


def train_within(run: TrainingRun, keeper: Keeper, report: Report) -> ModelVersion | None:
    """The same, as a part of something longer, whose progress `report` scales."""
    if run.version is not None:
        return run.version
    from moderation.clip.finetune.run import finetune

    source = _source(run, keeper, part(report, 0.0, 0.05))
    base, output = files.folder_of(run.base), folder_of(run)
    wishes = _settings(run, base)
    resume = output.is_dir()
    keeper.save(output_dir=str(output))
    training_processes.tell(source, base=base, output=output, settings=wishes)
    data = read_data(source)
    result = finetune(
        base,
        data,
        output,
        settings=wishes,
        report=part(report, 0.05, 1.0),
        resume=resume,
        vectors=_vectors(run, source),
    )
    version = training_result.register(run, keeper, result, data=data)
    if version is None:
        remove_files(run)
    return version


def folder_of(run: TrainingRun) -> Path:
    """Where the training writes its checkpoints."""
    return Path(run.output_dir) if run.output_dir else _home(run) / "model"


def remove_files(run: TrainingRun) -> None:
    """Remove what a training wrote, and what its row says of that; nobody else's files."""
    from moderation.clip.finetune.output import remove

    remove(folder_of(run))
    gone = {"output_dir": ""}
    if run.dataset and Path(run.dataset).is_relative_to(_home(run)):
        gone |= {"dataset": "", "dataset_sha256": ""}
    shutil.rmtree(_home(run), ignore_errors=True)
    for name, value in gone.items():
        setattr(run, name, value)
    TrainingRun.objects.filter(pk=run.pk).update(**gone)


def _home(run: TrainingRun) -> Path:
    # Numbers come again, in a new database or one beside this; moments do not.
    name = f"training-{run.pk}-{run.created_at:%Y%m%d%H%M%S%f}"
    return Path(settings.CLIP_CHECKPOINT_DIR) / name


# ── Data ──────────────────────────────────────────────────────────────────────────────────────
def _source(run: TrainingRun, keeper: Keeper, report: Report) -> Source:
    """Where the data is: the given files, or a snapshot, which is made where there is none."""
    if train_csv := run.options.get("train_csv"):
        val_csv = run.options.get("val_csv") or None
        _keep_files(run, keeper, {"train": train_csv, "validation": val_csv})
        return {
            "train_csv": train_csv,
            "val_csv": val_csv,
            "image_base_path": run.options.get("image_base_path") or str(Path(train_csv).parent),
            "seed": run.options.get("seed", 0),
        }
    if not run.dataset:
        _snapshot(run, keeper, report)
    replay_csv = run.options.get("replay_csv") or settings.CLIP_REPLAY_CSV
    return {"folder": run.dataset, "replay_csv": replay_csv}


def _keep_files(run: TrainingRun, keeper: Keeper, files: dict[str, str | None]) -> None:
    """Copies of the files, so that evaluations know for ever what the version has learned from."""
    folder = _home(run) / "dataset"
    copies = []
    for name, path in files.items():
        if path:
            copies.append(folder / f"{name}.csv")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copies[-1])
            except OSError as error:
                raise ModelError(f"{path} cannot be read ({error.strerror}).") from error
    keeper.save(dataset=str(folder), dataset_sha256=_sha256(copies))


def read_data(source: Source) -> FinetuneData:
    """The data set of a folder or of CSV files. Raises `DataRefused`."""
    from moderation.clip.finetune import read

    if "folder" in source:
        replay_csv = Path(source["replay_csv"]) if source["replay_csv"] else None
        return read.read_folder(Path(source["folder"]), replay_csv=replay_csv)
    return read.read_csvs(
        Path(source["train_csv"]),
        Path(source["val_csv"]) if source["val_csv"] else None,
        Path(source["image_base_path"]),
        seed=source["seed"],
    )


def _snapshot(run: TrainingRun, keeper: Keeper, report: Report) -> None:
    """Freeze the decisions as they are now, once: a resumed training keeps its data."""
    from ..datasets import snapshots

    folder = _home(run) / "dataset"
    if not folder.is_dir():

        def progress(done: int, total: int) -> None:
            report(Update("Collecting what was decided", done / max(1, total)))

        progress(0, 1)
        snapshots.build(folder, seed=run.options.get("seed", 0), progress=progress)
    keeper.save(dataset=str(folder), dataset_sha256=_sha256([folder / "manifest.json"]))


def _sha256(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# ── Settings ──────────────────────────────────────────────────────────────────────────────────
def _settings(run: TrainingRun, base: Path) -> FinetuneSettings:
    from moderation.clip.finetune.settings import FinetuneSettings

    wishes: dict[str, Any] = {
        name: run.options[name] for name in ENGINE_OPTIONS if name in run.options
    }
    if run.mode == TrainingRun.Mode.FULL and _is_large(base):
        wishes = {
            "batch_size": settings.CLIP_TRAIN_BATCH_SIZE,
            "learning_rate": settings.CLIP_TRAIN_LEARNING_RATE,
            "epochs": settings.CLIP_TRAIN_EPOCHS,
        } | wishes
    a, b, calibration = run.base.platt_a, run.base.platt_b, run.base.calibrated
    return FinetuneSettings(
        mode=run.mode,
        name=training_result.name_for(run),
        threshold=run.base.threshold,
        platt=None if a is None or b is None else (a, b),
        platt_prior=calibration.prior if calibration else None,
        prevalence=calibration.prevalence if calibration else None,
        **({"device": settings.CLIP_DEVICE} | wishes),
    )


def _vectors(run: TrainingRun, source: Source) -> Vectors | None:
    """The shop's own photos are known already; with several processes each encodes for itself."""
    from .training_vectors import CachedVectors

    return CachedVectors(run.base) if "folder" in source and training_processes.alone() else None


def _is_large(folder: Path) -> bool:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) > _LARGE_BYTES
