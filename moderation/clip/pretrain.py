"""Train the bundled model: a small true `CLIPModel` from nothing but a catalogue of true pairs.

Settings and model: pretrain_model.py; the loop: pretrain_loop.py; rows and families:
pretrain_data.py; mismatches: negatives.py; variations: augment.py; losses: losses.py.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import choose_device, cpu_has_fast_bf16
from .pretrain_loop import Trainer, run
from .pretrain_model import PretrainSettings
from .pretrain_output import calibrate, in_words, measure, save_model, similarities

if TYPE_CHECKING:
    from .pretrain_data import Pairs
    from .pretrain_prepare import PretrainData

log = logging.getLogger(__name__)


def pretrain(
    data: PretrainData,
    output_dir: Path,
    *,
    settings: PretrainSettings,
    device: str = "auto",
    each_step: Callable[[Trainer, float], None] = lambda _trainer, _loss: None,
) -> dict[str, Any]:
    """Train on `data` and leave a stock model folder at `output_dir`; returns its clipmod.json.

    Every twelve minutes the folder is written afresh, whole or not at all, so a run that is cut off
    leaves a usable model. The loss is logged each minute, and every four minutes the figures of the
    averaged weights on the held-out rows (looking costs time that training wants).
    """
    import torch

    chosen = choose_device(device)
    bf16 = cpu_has_fast_bf16() if chosen == "cpu" else chosen == "cuda" and _gpu_has_bf16()
    trainer = Trainer(data.train, settings, device=chosen, bf16=bf16)
    log.info(
        "%d rows to train on, %d held out, %d pairs to report on; %s, %s, %d lanes",
        len(data.train),
        len(data.held_out.pixels),
        len(data.reported) if data.reported else 0,
        chosen,
        "bf16" if bf16 else "fp32",
        settings.lanes,
    )
    recent: deque[float] = deque(maxlen=100)
    due = {"loss": 1.0, "figures": 4.0, "folder": 12.0}  # minutes

    def is_due(what: str, minutes: float, every: float) -> bool:
        if minutes < due[what]:
            return False
        due[what] = minutes + every
        return True

    def after(current: Trainer, loss: float) -> None:
        recent.append(loss)
        each_step(current, loss)
        minutes = (time.monotonic() - current.started) / 60
        if not is_due("loss", minutes, 1.0):
            return
        figures = ""
        if is_due("figures", minutes, 4.0):
            figures = in_words(measure(data.held_out, _scores(current, data.held_out)))
        mean = sum(recent) / len(recent)
        log.info("%.1f min, step %d, loss %.3f %s", minutes, current.step, mean, figures)
        if is_due("folder", minutes, 12.0):
            _save(current, data, output_dir)

    threads = torch.get_num_threads()
    if chosen == "cpu" and settings.lanes > 1:
        torch.set_num_threads(1)  # each lane is one thread
    try:
        run(trainer, each_step=after)
    finally:
        torch.set_num_threads(threads)
    return _save(trainer, data, output_dir)


def _scores(trainer: Trainer, pairs: Pairs) -> np.ndarray:
    return similarities(trainer.average, trainer.tokenizer, pairs)


def _save(trainer: Trainer, data: PretrainData, folder: Path) -> dict[str, Any]:
    """Calibrate on the held-out rows, measure on the reported pairs, write the folder."""
    settings = trainer.settings
    held_out = _scores(trainer, data.held_out)
    clipmod: dict[str, Any] = {"name": folder.name, **calibrate(data.held_out, held_out)}
    clipmod["metrics"] = {"held_out_of_training": measure(data.held_out, held_out)}
    if data.reported:
        scores = _scores(trainer, data.reported)
        clipmod["metrics"][data.reported_name] = measure(data.reported, scores)
    counts = Counter(data.train.sources)
    clipmod["trained"] = {
        "rows": dict(sorted(counts.items())),
        "steps": trainer.step,
        "epochs": round(trainer.step * settings.batch_size / len(data.train), 1),
        "minutes": round((time.monotonic() - trainer.started) / 60, 1),
        "precision": "bf16" if trainer.bf16 else "fp32",
        "settings": asdict(settings),
    }
    save_model(folder, trainer.average, trainer.tokenizer, clipmod=clipmod)
    return clipmod


def _gpu_has_bf16() -> bool:
    import torch

    return torch.cuda.is_bf16_supported()
