"""A whole fine-tuning: from a model folder and a shop's decisions to a better model folder."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moderation.clip.backends.cores import single_threaded
from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.finetune.adaptation import run as adaptation
from moderation.clip.finetune.auto import by_decisions, chosen
from moderation.clip.finetune.calibrate import NewModel
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.tune import tune
from moderation.clip.finetune.features import Remembered, Vectors
from moderation.clip.finetune.fingerprint import check_same
from moderation.clip.finetune.output import (
    BEST,
    EPOCH,
    FINAL,
    UNFINISHED,
    clean,
    compose_maps,
    write_model,
)
from moderation.clip.finetune.refusals import DataRefused, check_counts
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.finetune.step import Checkpoint, Step, Tuned, encoder_vectors
from moderation.clip.training.processes import ALONE, Processes, processes
from moderation.clip.training.progress import Report, Update, in_silence, part, rising
from moderation.clip.training.weights import Weights

_CALIBRATING = 0.1  # share of a run's progress that the end takes


@dataclass(frozen=True)
class FinetuneResult:
    """What came out. `folder` is a stock model folder with its clipmod.json, `mode` what was done,
    `reasons` the sentences for people, `same_towers` whether vectors of the
    base can be turned into the new model's without the pictures."""

    folder: Path
    mode: str
    reasons: list[str]
    same_towers: bool
    metrics: dict[str, Any] = field(default_factory=dict)


def finetune(
    base: Path,
    data: FinetuneData,
    output_dir: Path,
    *,
    settings: FinetuneSettings,
    report: Report = in_silence,
    resume: bool = False,
    vectors: Vectors | None = None,
) -> FinetuneResult:
    """Fine-tune the model in `base` and write best_model/ and final_model/ to `output_dir`.

    With `resume` a training that was killed resumes where it was. `vectors` may answer for the
    base's encoder (a cache) in mode head and in calibration. Under `torchrun` the processes share
    each batch. Raises `DataRefused`, `ModelError`, and what `report` raises.
    """
    with processes() as group, single_threaded():
        check_counts(data)
        if not resume and (output_dir / BEST).exists():
            raise ModelError(
                f"{output_dir} holds a trained model already; choose another folder, or resume."
            )
        if resume and (done := _finished(output_dir, base, data)) is not None:
            return done
        if group.first:
            clean(output_dir, keep_states=resume)
        group.wait()
        said = rising(report) if group.first else in_silence
        source = Remembered(vectors or encoder_vectors(base, settings))
        job = _Job(base, data, output_dir, settings, said, group, source)
        plan = chosen(data, model=base, settings=settings)
        mode, tuned = job.change_weights(plan.mode)
        result = job.finish(mode, tuned, [*data.notes, *plan.reasons, *tuned.reasons])
        if group.first:
            shutil.rmtree(output_dir / UNFINISHED, ignore_errors=True)
        return result


@dataclass(frozen=True)
class _Job:
    base: Path
    data: FinetuneData
    output_dir: Path
    settings: FinetuneSettings
    report: Report
    processes: Processes
    vectors: Vectors  # of the base

    def change_weights(self, mode: str) -> tuple[str, Tuned]:
        """Train; where nobody requested an adaptation and it came to nothing, what the decisions
        teach alone, unless the minutes are limited: it had them all."""
        settings = self.settings
        tuned = self._trained(mode)
        in_vain = mode == "adapt" and not tuned.tensors
        if not in_vain or settings.mode != "auto" or settings.minutes is not None:
            return mode, tuned
        more = by_decisions(self.data, model=self.base, device=settings.device)
        done = self._trained(more.mode)
        return more.mode, replace(
            done,
            reasons=[*tuned.reasons, *more.reasons, *done.reasons],
            metrics=tuned.metrics | done.metrics,
        )

    def _trained(self, mode: str) -> Tuned:
        """The new weights of a mode, its metrics under its name."""
        if mode == "calibrate":
            return Tuned()
        if mode == "adapt" and not self.data.listings:
            raise DataRefused(
                "The mode adapt learns from the shop's own listings, and the data has none."
            )
        step = Step(
            self.base,
            self.data,
            self.settings,
            self.output_dir / UNFINISHED / f"0-{mode}.state",
            tell=part(self.report, 0.0, 1 - _CALIBRATING),
            vectors=self.vectors,
            processes=self.processes,
            checkpoint=self._checkpoints(),
        )
        if mode == "adapt":  # each process does all of it
            own = step.state.with_name(f"{step.state.name}-{self.processes.rank}")
            tuned = adaptation.adapt(replace(step, state=own, processes=ALONE))
        else:
            tuned = tune(step, mode=mode)
        return replace(tuned, metrics={mode: tuned.metrics} if tuned.metrics else {})

    def _checkpoints(self) -> Checkpoint | None:
        if not (self.settings.save_all_checkpoints and self.processes.first):
            return None

        def write(epoch: int, tensors: Weights) -> None:
            folder = self.output_dir / EPOCH.format(epoch)
            if not folder.exists():
                about = {"name": f"{self.settings.name or self.base.name}, epoch {epoch}"}
                write_model(folder, self.base, tensors, about=lambda _folder: about)

        return write

    def finish(self, mode: str, tuned: Tuned, reasons: list[str]) -> FinetuneResult:
        """Calibrate the new model and write both folders; the result speaks of best_model."""
        if not tuned.tensors:
            mode = "calibrate"
        best = self.output_dir / BEST
        if self.processes.first:
            at_end = Tuned(tuned.last or tuned.tensors, tuned.last_maps or tuned.maps)
            self._write(best, tuned, mode, reasons, tuned.metrics)
            self._write(self.output_dir / FINAL, at_end, mode, reasons, tuned.metrics)
        self.processes.wait()
        self.report(Update("Done", 1.0, line=f"written to {best}"))
        return FinetuneResult(
            best, mode, reasons, tuned.same_towers, checkpoint.read_about(best).get("metrics", {})
        )

    def _write(
        self, folder: Path, tuned: Tuned, mode: str, reasons: list[str], metrics: dict[str, Any]
    ) -> None:
        if folder.exists():
            return
        calibration = NewModel(
            self.base,
            self.data,
            self.settings,
            tuned,
            vectors=self.vectors,
            tell=part(self.report, 1 - _CALIBRATING, 1.0),
        )
        write_model(
            folder,
            self.base,
            tuned.tensors,
            maps=compose_maps(self.base, tuned.maps) if tuned.same_towers else None,
            about=lambda unfinished: calibration.about(
                unfinished, mode=mode, reasons=reasons, metrics=metrics
            ),
        )


def _finished(output_dir: Path, base: Path, data: FinetuneData) -> FinetuneResult | None:
    """What a training left that was killed after all its work; None where there is work to do.
    Raises `ModelError` where it started from another model, or learned from other data."""
    best = output_dir / BEST
    if not best.exists():
        return None
    about = checkpoint.read_about(best)
    trained = about["trained"]
    check_same(output_dir, trained, base=base, data=data)
    if not (output_dir / FINAL).exists():
        return None
    return FinetuneResult(
        best, trained["mode"], trained["reasons"], "vision_of" in about, about["metrics"]
    )
