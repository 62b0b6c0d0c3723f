"""Train the bundled model from a catalogue of true pairs, on from a known tower or two.

Settings and model: model.py; what is learnt from: read.py and clip/data; losses and steps: task.py;
the loop: clip/training/loop.py.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.backends.cores import single_threaded
from moderation.clip.backends.device import choose_device, cpu_has_fast_bf16
from moderation.clip.checkpoints.checkpoint import read_about
from moderation.clip.errors import ModelError
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.pretrain.output import (
    calibrate,
    in_words,
    measure,
    save_model,
    similarities,
)
from moderation.clip.pretrain.task import Pretraining
from moderation.clip.training.state import StateFile
from moderation.clip.training.task import Run

if TYPE_CHECKING:
    from moderation.clip.pretrain.read import PretrainData

log = logging.getLogger(__name__)

LINE_EVERY, FOLDER_EVERY = 1.0, 10.0  # minutes


def pretrain(
    data: PretrainData,
    output_dir: Path,
    *,
    settings: PretrainSettings,
    device: str = "auto",
    resume: bool = False,
    start_from: Path | None = None,
    text_from: Path | None = None,
    languages: Sequence[str] = (),
    each_step: Callable[[Run, float], None] = lambda _run, _loss: None,
) -> dict[str, Any]:
    """Train on `data` and leave a model folder at `output_dir`; returns its clipmod.json.

    Every ten minutes the folder is written again, whole or not at all, so a run that is cut off
    leaves a usable model, and the state beside it, from which `resume` continues. The loss is
    logged each minute; figures are rare, because looking costs time that training wants.
    `start_from` is a model folder to train further instead of beginning anew, `text_from` one
    whose text tower a new picture tower learns to meet. `languages` are those of the texts (codes
    such as "en"), by default what such a folder says of itself.
    """
    if start_from is not None and text_from is not None:
        raise ModelError(
            "--start-from trains a whole model further and --text-from takes a text tower along to "
            "a new one: give one of the two."
        )
    chosen = choose_device(device)
    bf16 = cpu_has_fast_bf16() if chosen == "cpu" else chosen == "cuda" and _gpu_has_bf16()
    if chosen != "cpu":
        settings = replace(settings, lanes=1)  # a GPU wants the whole batch at once
    task = Pretraining(
        data.train, settings, device=chosen, bf16=bf16, start_from=start_from, text_from=text_from
    )
    _log_start(data, task)
    diary = _Diary(
        task,
        data,
        output_dir,
        before=_said(start_from).get("trained"),
        languages=[*languages] or _said(start_from or text_from).get("languages"),
    )

    def after(run: Run, loss: float) -> None:
        each_step(run, loss)
        diary.add(run, loss)

    task.each_step = after
    state = state_file(task, output_dir.with_name(output_dir.name + ".state.pt"), resume=resume)
    with single_threaded():  # each lane is one thread
        run = task.train(state, minutes=settings.minutes if settings.steps is None else None)
    clipmod = diary.write_folder(run)
    state.path.unlink(missing_ok=True)
    return clipmod


def _log_start(data: PretrainData, task: Pretraining) -> None:
    log.info(
        "%d rows to train on, %d held out, %d pairs to report on; %s, %s, %d lanes",
        len(data.train),
        len(data.held_out.pixels),
        len(data.reported) if data.reported else 0,
        task.device,
        "bf16" if task.bf16 else "fp32",
        task.settings.lanes,
    )


def _said(folder: Path | None) -> dict[str, Any]:
    """What a model folder says of itself."""
    return read_about(folder) if folder else {}


def state_file(task: Pretraining, path: Path, *, resume: bool) -> StateFile:
    """The run's state at `path`; a previous one is removed, unless `resume` continues from it.

    It fits every run with a model of the same shape and words, however long. Raises ModelError
    where there is none to resume.
    """
    if not resume:
        path.unlink(missing_ok=True)
    elif not path.is_file():
        raise ModelError(
            f"There is no unfinished run at {path}: start from scratch without --resume."
        )
    shapes = {name: list(weight.shape) for name, weight in task.weights.items()}
    about = json.dumps([shapes, task.tokenizer.get_vocab()], sort_keys=True)
    return StateFile(
        path,
        about=hashlib.sha256(about.encode()).hexdigest(),
        seconds=60 * FOLDER_EVERY,
        from_scratch="without --resume",
    )


@dataclass
class _Diary:
    """Logs a line each minute, and writes the model's folder each ten."""

    task: Pretraining
    data: PretrainData
    folder: Path
    before: dict[str, Any] | None  # what the model it starts from says of its own training
    languages: list[str] | None  # that the model reads; None where nobody said
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=100))
    line: float = field(default_factory=time.monotonic)  # when the last one was logged
    written: float = field(default_factory=time.monotonic)

    def add(self, run: Run, loss: float) -> None:
        self.recent.append(loss)
        now, figures = time.monotonic(), ""
        if now - self.line < 60 * LINE_EVERY:
            return
        self.line = now
        if now - self.written >= 60 * FOLDER_EVERY:
            self.written = now
            clipmod = self.write_folder(run, whole=False)
            figures = in_words(clipmod["metrics"]["held_out_of_training"])
        mean = sum(self.recent) / len(self.recent)
        log.info("%.1f min, step %d, loss %.3f %s", run.seconds / 60, run.step, mean, figures)

    def write_folder(self, run: Run, *, whole: bool = True) -> dict[str, Any]:
        """Calibrate on the held-out rows, measure on the reported pairs (if whole), and write."""
        data, model, tokens = self.data, self.task.average, self.task.tokens
        held_out = similarities(model, tokens, data.held_out)
        clipmod: dict[str, Any] = {
            "name": self.folder.name,
            "languages": self.languages,
            **calibrate(data.held_out, held_out),
        }
        clipmod["metrics"] = {"held_out_of_training": measure(data.held_out, held_out)}
        if data.reported and whole:
            scores = similarities(model, tokens, data.reported)
            clipmod["metrics"][data.reported_name] = measure(data.reported, scores)
        clipmod["trained"] = self._trained(run)
        save_model(self.folder, model, self.task.tokenizer, clipmod=clipmod)
        return clipmod

    def _trained(self, run: Run) -> dict[str, Any]:
        rows, settings = self.data.train, self.task.settings
        return {
            "rows": dict(sorted(Counter(rows.sources).items())),
            "steps": run.step,
            "epochs": round(run.step * settings.batch_size / len(rows), 1),
            "minutes": round(run.seconds / 60, 1),
            "precision": "bf16" if self.task.bf16 else "fp32",
            "settings": asdict(settings),
            **({"before": self.before} if self.before is not None else {}),
        }


def _gpu_has_bf16() -> bool:
    import torch

    return torch.cuda.is_bf16_supported()
