"""Mode `adapt`: learn the shop's own words and pictures from its listings, most of which are right.

A small model, or any on a GPU, is trained whole (adapt_loop.py). The lowest-scoring listings are
left out, decided mismatches are hard negatives, and how far the weights go from the base is chosen
on what was held back (adapt_judge.py). Against forgetting other domains, true pairs of what the
base was trained on are replayed beside the listings; where nobody has them any more, made-up
pictures and words stand in for them (retain.py).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from moderation.clip.backends.device import choose_device, is_out_of_memory, trains_in_bf16
from moderation.clip.checkpoints import checkpoint
from moderation.clip.data.product_rows import Rows, joined, split_by_family
from moderation.clip.finetune.adaptation.judge import Judge
from moderation.clip.finetune.adaptation.rows import decided_rows, listing_rows
from moderation.clip.finetune.adaptation.task import LEAST_ROWS, Adapter, AdaptSettings
from moderation.clip.finetune.adaptation.vectors import adapt_vectors
from moderation.clip.finetune.auto import trains_whole
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.decisions.tune import Tuned
from moderation.clip.finetune.features import Vectors
from moderation.clip.finetune.fingerprint import fingerprint
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.training.memory import free, too_little
from moderation.clip.training.progress import SignsOfLife, Update

HELD_OUT = 0.05  # share of the listings' families that the adaptation is judged by
REPLAY_HELD_OUT = 0.15  # the same of the replayed pairs, which are fewer and judge finer
REPLAYED = 4000  # pairs that are replayed at most; more teach no more in one run
_STORED = 4 / 3  # pictures are kept this much larger than the model sees, to be cropped from
_POINT_EVERY = 10  # steps, for the curve


def adapt(
    folder: Path,
    data: FinetuneData,
    *,
    settings: FinetuneSettings,
    state: Path,
    tell: Callable[[Update], None],
    vectors: Vectors | None = None,
) -> Tuned:
    """Adapt the model in `folder` to the listings of `data`.

    A state that was saved at `state` by the same run is gone on from. `tell` gets progress from 0
    to 1 and may raise to stop. `vectors` may answer for the model's encoder where only its
    projections are trained. Raises `ModelError`.
    """
    import torch

    assert data.listings is not None
    if not trains_whole(folder, device=settings.device):
        return adapt_vectors(folder, data, settings=settings, tell=tell, vectors=vectors)
    signs = SignsOfLife(tell)

    def reading(what: str, start: float, end: float) -> Callable[[float], None]:
        return lambda done: signs.tell(Update(f"Reading {what}", start + (end - start) * done))

    transform = ImageTransform.from_folder(folder)
    size = _image_size(folder)
    side = round(size * _STORED)
    parts = _parts(data, settings, transform=transform, side=side, reading=reading)
    device = choose_device(settings.device)
    decided = decided_rows(
        data.train, transform=transform, side=side, tell=reading("the decisions", 0.03, 0.035)
    )
    signs.tell(Update("Choosing which listings to learn from", 0.04))
    adapter = Adapter(
        joined([parts.learnt, *([parts.replayed] if parts.replayed else [])]),
        _pretrain_settings(settings, size=size, count=len(parts.learnt), device=device),
        listings=len(parts.learnt),
        own=AdaptSettings(retain_weight=0.0) if parts.replayed else AdaptSettings(),
        decided=decided,
        transform=transform,
        device=device,
        bf16=trains_in_bf16(device, settings.precision),
        start_from=folder,
        alive=signs.again,
    )
    judge = Judge(
        adapter,
        parts.held,
        data.validation,
        replay=parts.replayed_held,
        transform=transform,
        side=side,
        tell=reading("the decisions", 0.045, 0.05),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if device == "cpu" else threads)  # each lane is one thread
    try:
        _train(
            adapter,
            state=_own(state, folder, data, adapter),
            settings=settings,
            tell=signs.tell,
        )
    finally:
        torch.set_num_threads(threads)
    return judge.choose(folder, tell=signs.tell)


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
    transform: ImageTransform,
    side: int,
    reading: Callable[[str, float, float], Callable[[float], None]],
) -> _Parts:
    """Listings and, where there are any, replayed pairs: what is learnt from, what is held back."""

    def divided(
        listings: Listings, share: float, source: str, tell: Callable[[float], None]
    ) -> tuple[Rows, Rows]:
        rows = listing_rows(listings, source=source, transform=transform, side=side, tell=tell)
        learnt, held = split_by_family(rows, share=share)
        return rows.take(learnt), rows.take(held)

    assert data.listings is not None
    own = divided(data.listings, HELD_OUT, "shop", reading("the listings", 0.0, 0.02))
    if data.replay is None:
        return _Parts(*own)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(len(data.replay))[:REPLAYED]
    replay, tell = data.replay.take(np.sort(chosen)), reading("the pairs to replay", 0.02, 0.03)
    return _Parts(*own, *divided(replay, REPLAY_HELD_OUT, "replay", tell))


def _image_size(folder: Path) -> int:
    from transformers import CLIPConfig

    config = CLIPConfig.from_pretrained(folder, local_files_only=True)
    return int(config.vision_config.image_size)


def _train(
    adapter: Adapter,
    *,
    state: Path,
    settings: FinetuneSettings,
    tell: Callable[[Update], None],
) -> None:
    """All steps, or those that fit into the minutes; the state is saved now and then."""
    steps, adapter.limit = adapter.settings.steps, settings.minutes
    if state.is_file():
        adapter.load(state)
    losses: list[float] = []
    adapter.started = saved = time.monotonic()
    while adapter.progress() < 1:
        losses.append(_step(adapter))
        point = None
        if adapter.step % _POINT_EVERY == 0 or adapter.progress() >= 1:
            point = {"step": float(adapter.step), "train": float(np.mean(losses))}
            losses.clear()
        if time.monotonic() - saved >= settings.state_seconds or adapter.progress() >= 1:
            adapter.save(state)
            saved = time.monotonic()
        doing = f"Adapting to the listings, step {adapter.step} of {steps}"
        tell(Update(doing, 0.05 + 0.85 * min(adapter.progress(), 1), point=point))


def _step(adapter: Adapter) -> float:
    """One update, in smaller parts where memory runs out. Raises `ModelError` where they cannot
    be smaller."""
    while True:
        try:
            return adapter.step_once()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if not adapter.divide():
                raise too_little(f"{LEAST_ROWS} pairs") from error
        free()  # out of the handler, which holds the error and with it the tensors


def _own(state: Path, folder: Path, data: FinetuneData, adapter: Adapter) -> Path:
    """The state's file with a hash of all that decides what comes out in its name."""
    assert data.listings is not None
    digest = hashlib.sha256(checkpoint.weights_sha256(folder).encode())
    numbers = [asdict(adapter.settings), asdict(adapter.own), adapter.bf16]
    kinds = [part.categories for part in (data.listings, data.replay) if part is not None]
    digest.update(json.dumps([numbers, fingerprint(data), kinds]).encode())
    state.parent.mkdir(parents=True, exist_ok=True)
    return state.with_name(f"{state.name}-{digest.hexdigest()[:16]}")


def _pretrain_settings(
    settings: FinetuneSettings, *, size: int, count: int, device: str
) -> PretrainSettings:
    """The recipe, measured on the bundled model: see benchmarks/new_shop."""
    batch = settings.batch_size or 128
    epochs = settings.epochs or 24
    steps = max(20, round(epochs * count / batch))
    if settings.epochs is None:
        steps = min(steps, 600)
    return PretrainSettings(
        steps=steps,
        seed=settings.seed,
        batch_size=batch,
        lanes=2 if device == "cpu" else 1,
        learning_rate=settings.learning_rate or 4e-4,
        ema=0.99,
        patch_drop=0.5,
        full_from=0.7,
        image_size=size,
        stored_side=round(size * _STORED),
    )
