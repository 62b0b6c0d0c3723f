"""A whole fine-tuning: from a model folder and a shop's decisions to a better model folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.backends.cores import single_threaded
from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.finetune.auto import by_decisions, chosen
from moderation.clip.finetune.calibrate import calibrated
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.tune import tune
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors
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
from moderation.clip.finetune.tuned import Tuned
from moderation.clip.training.processes import Processes, processes
from moderation.clip.training.progress import Report, Update, in_silence, rising

if TYPE_CHECKING:
    import torch

_CALIBRATING = 0.1  # share of a run's progress that the end takes


@dataclass(frozen=True)
class FinetuneResult:
    """What came out. `folder` is a stock model folder with its clipmod.json, `mode` what was done
    (steps joined by +), `reasons` the sentences for people, `same_towers` whether vectors of the
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

    With `resume` a training that was killed goes on where it was. `vectors` may answer for the
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
        source = vectors or EncoderVectors(
            base, device=settings.device, precision=settings.precision
        )
        job = _Job(base, data, output_dir, settings, said, group, Remembered(source))
        plan = chosen(data, model=base, settings=settings)
        steps, tuned = job.change_weights(plan.steps)
        result = job.finish(steps, tuned, [*data.notes, *plan.reasons, *tuned.reasons])
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

    def change_weights(self, steps: list[str]) -> tuple[list[str], Tuned]:
        """Take the steps; where nobody asked for an adaptation and it came to nothing, what the
        decisions teach alone, unless the minutes are limited: it had them all."""
        tuned, settings = self._taken(steps, Tuned(self.base)), self.settings
        in_vain = steps == ["adapt"] and not tuned.tensors
        if not in_vain or settings.mode != "auto" or settings.minutes is not None:
            return steps, tuned
        more = by_decisions(self.data, model=self.base, device=settings.device)
        return more.steps, self._taken(
            more.steps, replace(tuned, reasons=[*tuned.reasons, *more.reasons])
        )

    def _taken(self, steps: list[str], tuned: Tuned) -> Tuned:
        """Take the steps one after another, each from the model that the last one made."""
        steps = [step for step in steps if step != "calibrate"]
        for number, step in enumerate(steps):
            start, end = ((1 - _CALIBRATING) * place / len(steps) for place in (number, number + 1))
            folder = self._written(tuned, name=f"{number}-model") if number else self.base
            state = self.output_dir / UNFINISHED / f"{number}-{step}.state"
            vectors = self.vectors if folder == self.base else None
            if step == "adapt":
                done = self._adapt(folder, state, self._tell(start, end), vectors)
            else:
                done = tune(
                    folder,
                    self.data,
                    mode=step,
                    settings=self.settings,
                    state=state,
                    processes=self.processes,
                    tell=self._tell(start, end),
                    vectors=vectors,
                    checkpoint_epoch=self._checkpoints(folder) if step == steps[-1] else None,
                )
            tuned = replace(
                done,
                reasons=[*tuned.reasons, *done.reasons],
                metrics={**tuned.metrics, **({step: done.metrics} if done.metrics else {})},
            )
        return tuned

    def finish(self, steps: list[str], tuned: Tuned, reasons: list[str]) -> FinetuneResult:
        """Calibrate the new model and write both folders; the result speaks of best_model."""
        if not tuned.tensors and tuned.folder == self.base:
            steps = ["calibrate"]
        mode = "+".join(steps)
        same_towers = tuned.folder == self.base and (not tuned.tensors or tuned.maps is not None)
        best = self.output_dir / BEST
        for folder, tensors, maps in (
            (best, tuned.tensors, tuned.maps),
            (self.output_dir / FINAL, tuned.last or tuned.tensors, tuned.last_maps or tuned.maps),
        ):
            own = tuned.folder == self.base and (not tensors or maps is not None)

            def about(unfinished: Path, *, maps: Any = maps, own: bool = own) -> dict[str, Any]:
                return calibrated(
                    unfinished,
                    self.base,
                    self.data,
                    settings=self.settings,
                    mode=mode,
                    reasons=reasons,
                    same_weights=own and maps is None,
                    same_towers=own,
                    vectors=self.vectors,
                    maps=maps,
                    metrics=tuned.metrics,
                    tell=self._tell(1 - _CALIBRATING, 1.0),
                )

            if self.processes.first and not folder.exists():
                carried = compose_maps(self.base, maps) if own else None
                write_model(folder, tuned.folder, tensors, maps=carried, about=about)
        self.processes.wait()
        self.report(Update("Done", 1.0, line=f"written to {best}"))
        return FinetuneResult(
            best, mode, reasons, same_towers, checkpoint.read_about(best).get("metrics", {})
        )

    def _adapt(
        self,
        folder: Path,
        state: Path,
        tell: Callable[[Update], None],
        vectors: Vectors | None,
    ) -> Tuned:
        """The contrastive adaptation to the shop's listings; each process does all of it."""
        from moderation.clip.finetune.adaptation.run import adapt

        if not self.data.listings:
            raise DataRefused(
                "The mode adapt learns from the shop's own listings, and the data has none."
            )
        own = state.with_name(f"{state.name}-{self.processes.rank}")
        return adapt(
            folder, self.data, settings=self.settings, state=own, tell=tell, vectors=vectors
        )

    def _written(self, tuned: Tuned, *, name: str) -> Path:
        """The model so far as a folder of its own, for the next step to start from."""
        if not tuned.tensors:
            return tuned.folder
        folder = self.output_dir / UNFINISHED / name
        if self.processes.first and not folder.exists():
            write_model(folder, tuned.folder, tuned.tensors, about=lambda _folder: {})
        self.processes.wait()
        return folder

    def _checkpoints(self, base: Path) -> Callable[[int, dict[str, torch.Tensor]], None] | None:
        if not (self.settings.save_all_checkpoints and self.processes.first):
            return None

        def write(epoch: int, tensors: dict[str, torch.Tensor]) -> None:
            folder = self.output_dir / EPOCH.format(epoch)
            if not folder.exists():
                about = {"name": f"{self.settings.name or base.name}, epoch {epoch}"}
                write_model(folder, base, tensors, about=lambda _folder: about)

        return write

    def _tell(self, start: float, end: float) -> Callable[[Update], None]:
        def tell(update: Update) -> None:
            self.report(replace(update, progress=start + (end - start) * update.progress))

        return tell


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
