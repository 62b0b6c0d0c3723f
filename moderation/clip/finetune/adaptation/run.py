"""Mode `adapt`: learn the shop's own words and pictures from its listings, most of which are right.

A small model, or any on a GPU, is trained whole (task.py). The lowest-scoring listings are
excluded, decided mismatches are hard negatives, and how far the weights go from the base is chosen
on the holdout (judge.py). Against forgetting other domains, true pairs of what the
base was trained on are replayed beside the listings; where nobody has them any more, made-up
pictures and words stand in for them (retain.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip import families
from moderation.clip.data.product_rows import Rows, joined, split_by_family
from moderation.clip.finetune.adaptation.judge import AdaptationJudge
from moderation.clip.finetune.adaptation.rows import PictureReader, Tell
from moderation.clip.finetune.adaptation.task import Adaptation, AdaptSettings
from moderation.clip.finetune.adaptation.vectors import adapt_vectors
from moderation.clip.finetune.auto import trains_whole
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.finetune.step import Step, Tuned
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.training.progress import ProgressHeartbeat, Update
from moderation.clip.training.task import Run

HELD_OUT = 0.05  # share of the listings' families that the adaptation is judged by
REPLAY_HELD_OUT = 0.15  # the same of the replayed pairs, which are fewer and judge finer
MOST_STEPS = 300  # a quarter of an hour on two cores; twice as many gain little more
REPLAYED = 4000  # pairs that are replayed at most; more teach no more in one run
_STORED = 4 / 3  # pictures are kept this much larger than the model sees, to be cropped from
_POINT_EVERY = 10  # steps, for the curve


def adapt(step: Step) -> Tuned:
    """Adapt the model to the listings of the data. Raises `ModelError`."""
    if not trains_whole(step.folder, device=step.settings.device):
        return adapt_vectors(step)
    heartbeat = ProgressHeartbeat(step.tell)
    side = round(_image_size(step.folder) * _STORED)
    reader = PictureReader(families.of(step.folder).load_transform(step.folder), side)
    parts = _parts(step.data, step.settings, reader=reader, heartbeat=heartbeat)
    task = _task(step, parts=parts, reader=reader, heartbeat=heartbeat)
    judge = AdaptationJudge(
        task,
        parts.held,
        step.data.validation,
        replay=parts.replayed_held,
        reader=reader,
        tell=_reading(heartbeat, "the decisions", 0.045, 0.05),
    )
    run = task.train(step.state_file(state_numbers(task)), minutes=step.settings.minutes)
    return judge.choose(steps=run.step, tell=heartbeat.tell)


@dataclass(frozen=True)
class _Parts:
    learnt: Rows
    held: Rows
    replayed: Rows | None = None
    replayed_held: Rows | None = None


def _parts(
    data: FinetuneData,
    settings: FinetuneSettings,
    *,
    reader: PictureReader,
    heartbeat: ProgressHeartbeat,
) -> _Parts:
    """Listings and, where there are any, replayed pairs: what is learnt from, the holdout."""

    def divided(listings: Listings, share: float, source: str, tell: Tell) -> tuple[Rows, Rows]:
        rows = reader.listings(listings, source=source, tell=tell)
        learnt, held = split_by_family(rows, share=share)
        return rows.take(learnt), rows.take(held)

    assert data.listings is not None
    own = divided(data.listings, HELD_OUT, "shop", _reading(heartbeat, "the listings", 0.0, 0.02))
    if data.replay is None:
        return _Parts(*own)
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(rng.permutation(len(data.replay))[:REPLAYED])
    tell = _reading(heartbeat, "the pairs to replay", 0.02, 0.03)
    return _Parts(*own, *divided(data.replay.take(chosen), REPLAY_HELD_OUT, "replay", tell))


def _reading(heartbeat: ProgressHeartbeat, what: str, start: float, end: float) -> Tell:
    return lambda done: heartbeat.tell(Update(f"Reading {what}", start + (end - start) * done))


def _task(
    step: Step, *, parts: _Parts, reader: PictureReader, heartbeat: ProgressHeartbeat
) -> Adaptation:
    reading = _reading(heartbeat, "the decisions", 0.03, 0.035)
    decided = reader.decided(step.data.train, tell=reading)
    heartbeat.tell(Update("Choosing which listings to learn from", 0.04))
    numbers = _pretrain_settings(step, count=len(parts.learnt), side=reader.side)
    task = Adaptation(
        joined([parts.learnt, *([parts.replayed] if parts.replayed else [])]),
        numbers,
        listings=len(parts.learnt),
        own=AdaptSettings(retain_weight=0.0) if parts.replayed else AdaptSettings(),
        decided=decided,
        transform=reader.transform,
        device=step.device,
        bf16=step.bf16,
        start_from=step.folder,
        alive=heartbeat.again,
    )
    task.each_step = _telling(heartbeat, steps=numbers.steps or 0)
    return task


def _telling(heartbeat: ProgressHeartbeat, *, steps: int) -> Callable[[Run, float], None]:
    """Says each step, and now and then a point of the curve: the mean loss since the last one."""
    losses: list[float] = []

    def tell(run: Run, loss: float) -> None:
        losses.append(loss)
        point = None
        if run.step % _POINT_EVERY == 0 or run.done >= 1:
            point = {"step": float(run.step), "train": float(np.mean(losses))}
            losses.clear()
        doing = f"Adapting to the listings, step {run.step} of {steps}"
        heartbeat.tell(Update(doing, 0.05 + 0.85 * min(run.done, 1), point=point))

    return tell


def state_numbers(task: Adaptation) -> list[Any]:
    """All numbers that decide what comes out, so that no state is taken for another's."""
    return [asdict(task.settings), asdict(task.own), task.bf16]


def _image_size(folder: Path) -> int:
    """The edge of the pictures that the model of this folder looks at, in pixels."""
    family = families.of(folder)
    return family.image_size(family.load_config(folder))


def _pretrain_settings(step: Step, *, count: int, side: int) -> PretrainSettings:
    """The recipe, measured on the bundled model: see benchmarks/new_shop."""
    wishes = step.settings
    batch = wishes.batch_size or 128
    steps = max(20, round((wishes.epochs or 24) * count / batch))
    size = _image_size(step.folder)
    return PretrainSettings(
        steps=steps if wishes.epochs is not None else min(steps, MOST_STEPS),
        seed=wishes.seed,
        batch_size=batch,
        lanes=2 if step.device == "cpu" else 1,
        learning_rate=wishes.learning_rate or 4e-4,
        head_rate=1.0,
        text_rate=1.0,
        weight_decay=0.1,
        clip=1.0,
        warmup=0.04,
        ema=0.99,
        min_zoom=0.72,
        dropped=families.of(step.folder).dropped,
        full_from=0.7,
        early_size=size,
        image_size=size,
        stored_side=side,
    )
