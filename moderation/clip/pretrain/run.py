"""Train the bundled model: a small true `CLIPModel` from nothing but a catalogue of true pairs.

Settings and model: pretrain_model.py; the loop: pretrain_loop.py; rows and families:
pretrain_data.py; mismatches: negatives.py; variations: augment.py; losses: losses.py.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.backends.device import choose_device, cpu_has_fast_bf16
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.pretrain.output import (
    calibrate,
    in_words,
    measure,
    save_model,
    similarities,
)
from moderation.clip.pretrain.task import Trainer, run

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
    each_step: Callable[[Trainer, float], None] = lambda _trainer, _loss: None,
) -> dict[str, Any]:
    """Train on `data` and leave a stock model folder at `output_dir`; returns its clipmod.json.

    Every ten minutes the folder is written afresh, whole or not at all, so a run that is cut off
    leaves a usable model, and the state beside it, from which `resume` goes on. The loss is logged
    each minute; figures are rare, because looking costs time that training wants.
    `start_from` is a model folder to train further instead of beginning with random weights.
    """
    import torch

    chosen = choose_device(device)
    bf16 = cpu_has_fast_bf16() if chosen == "cpu" else chosen == "cuda" and _gpu_has_bf16()
    if chosen != "cpu":
        settings = replace(settings, lanes=1)  # a GPU wants the whole batch at once
    trainer = Trainer(data.train, settings, device=chosen, bf16=bf16, start_from=start_from)
    before = _trained_before(start_from)
    log.info(
        "%d rows to train on, %d held out, %d pairs to report on; %s, %s, %d lanes",
        len(data.train),
        len(data.held_out.pixels),
        len(data.reported) if data.reported else 0,
        chosen,
        "bf16" if bf16 else "fp32",
        settings.lanes,
    )
    state = output_dir.with_name(output_dir.name + ".state.pt")
    if resume:
        trainer.load(state)
    recent: deque[float] = deque(maxlen=100)
    due = {"line": trainer.minutes() + LINE_EVERY, "folder": trainer.minutes() + FOLDER_EVERY}

    def after(current: Trainer, loss: float) -> None:
        recent.append(loss)
        each_step(current, loss)
        minutes = current.minutes()
        if minutes < due["line"]:
            return
        due["line"] = minutes + LINE_EVERY
        figures = ""
        if minutes >= due["folder"]:
            due["folder"] = minutes + FOLDER_EVERY
            current.save(state)
            clipmod = _save(current, data, output_dir, before=before, whole=False)
            figures = in_words(clipmod["metrics"]["held_out_of_training"])
        mean = sum(recent) / len(recent)
        log.info("%.1f min, step %d, loss %.3f %s", minutes, current.step, mean, figures)

    threads = torch.get_num_threads()
    if chosen == "cpu" and settings.lanes > 1:
        torch.set_num_threads(1)  # each lane is one thread
    try:
        run(trainer, each_step=after)
    finally:
        torch.set_num_threads(threads)
    clipmod = _save(trainer, data, output_dir, before=before)
    state.unlink(missing_ok=True)
    return clipmod


def _trained_before(folder: Path | None) -> dict[str, Any] | None:
    """What the folder that a run starts from says of its own training."""
    path = folder / "clipmod.json" if folder else None
    if path is None or not path.is_file():
        return None
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")).get("trained")
    return found


def _save(
    trainer: Trainer,
    data: PretrainData,
    folder: Path,
    *,
    before: dict[str, Any] | None,
    whole: bool = True,
) -> dict[str, Any]:
    """Calibrate on the held-out rows, measure on the reported pairs (if whole), write a folder."""
    settings, model, tokenizer = trainer.settings, trainer.average, trainer.tokenizer
    held_out = similarities(model, tokenizer, data.held_out)
    clipmod: dict[str, Any] = {"name": folder.name, **calibrate(data.held_out, held_out)}
    clipmod["metrics"] = {"held_out_of_training": measure(data.held_out, held_out)}
    if data.reported and whole:
        scores = similarities(model, tokenizer, data.reported)
        clipmod["metrics"][data.reported_name] = measure(data.reported, scores)
    clipmod["trained"] = {
        "rows": dict(sorted(Counter(data.train.sources).items())),
        "steps": trainer.step,
        "epochs": round(trainer.step * settings.batch_size / len(data.train), 1),
        "minutes": round(trainer.minutes(), 1),
        "precision": "bf16" if trainer.bf16 else "fp32",
        "settings": asdict(settings),
    }
    if before is not None:
        clipmod["trained"]["before"] = before
    save_model(folder, model, tokenizer, clipmod=clipmod)
    return clipmod


def _gpu_has_bf16() -> bool:
    import torch

    return torch.cuda.is_bf16_supported()
