"""Mode `adapt` for a large model on a CPU: two square matrices, learnt on cached vectors.

As in mode `head`, M u stands for a new projection (maps.py), so no pixel is touched and the result
folds into the stock model. What teaches are the shop's listings, by the contrastive loss that CLIP
was trained with; decided pairs stand beside them, and both matrices are kept near the identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from moderation.clip.finetune.adaptation.vectors_judge import (
    farthest_allowed,
    held_back,
    judgements,
    replayed_aucs,
)
from moderation.clip.finetune.adaptation.vectors_task import MapsTask
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors, encodable
from moderation.clip.finetune.fingerprint import about
from moderation.clip.finetune.maps import base_projections, folded, part_way
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.finetune.tuned import Tuned
from moderation.clip.training.loop import train
from moderation.clip.training.progress import Report, SignsOfLife, Update, part, rising
from moderation.clip.training.state import StateFile

LEFT_OUT = 0.12  # share of the listings, the lowest scores
HELD_OUT = 0.1  # share of the listings by which the ratio is chosen


def adapt_vectors(
    folder: Path,
    data: FinetuneData,
    *,
    settings: FinetuneSettings,
    state: Path,
    tell: Report,
    vectors: Vectors | None,
) -> Tuned:
    """New projections for the model in `folder`; `vectors` may answer for its encoder.

    A state that was saved at `state` by the same run is gone on from; vectors are made anew, unless
    a cache has them. Pairs to replay are not learnt from; they only judge what was forgotten.
    """
    signs = SignsOfLife(rising(tell))
    if vectors is None:
        vectors = EncoderVectors(folder, device=settings.device, precision=settings.precision)
    source = Remembered(vectors, tell=lambda doing, done: signs.tell(Update(doing, 0.7 * done)))
    data = _encodable(data, source, signs)
    assert data.listings is not None
    image, text = source.images(data.listings.images), source.texts(data.listings.texts)  # [n, d]
    rng = np.random.default_rng(settings.seed)
    held, rest = held_back(data.listings, share=HELD_OUT, rng=rng)
    scores = (image[rest] * text[rest]).sum(axis=1)
    learnt = rest[np.argsort(scores, kind="stable")[int(LEFT_OUT * len(rest)) :]]
    task = MapsTask(
        image,
        text,
        data.listings,
        learnt=learnt,
        decided=data.train,
        source=source,
        settings=settings,
        report=part(signs.tell, 0.7, 0.95),
    )
    numbers = [task.epochs, task.batch_size, task.learning_rate, settings.seed]
    about_it = about(folder, data, numbers)
    file = StateFile(state, about=about_it, seconds=settings.state_seconds)
    train(
        task,
        state=file,
        batch_size=task.batch_size,
        steps=task.epochs * task.steps,
        clip=float("inf"),
    )
    judged = judgements(task.weights, data.listings.take(held), data.validation, source, rng=rng)
    replayed = replayed_aucs(
        task.weights, data.replay, source, seed=settings.seed, alive=signs.again
    )
    return _outcome(folder, task, judged, replayed, left_out=len(rest) - len(learnt))


def _encodable(data: FinetuneData, source: Vectors, signs: SignsOfLife) -> FinetuneData:
    """The data with those listings whose pictures can be opened."""
    assert data.listings is not None
    known = encodable(
        source,
        data.listings.images,
        tell=lambda done: signs.tell(Update("Encoding the listings", 0.7 * done)),
    )
    return replace(data, listings=data.listings.take(known))


def _outcome(
    folder: Path,
    task: MapsTask,
    judged: Mapping[float, float],
    replayed: Mapping[float, float],
    *,
    left_out: int,
) -> Tuned:
    ratio, learnt = farthest_allowed(judged, replayed), len(task.learnt)
    chosen = part_way(task.weights, ratio)
    kept = ""
    if replayed:
        kept = f"; ROC-AUC on pairs to replay {replayed[0.0]:.3f} and {replayed[ratio]:.3f}"
    return Tuned(
        folder,
        tensors=folded(chosen, base_projections(folder)) if ratio else {},
        maps=chosen if ratio else None,
        reasons=[
            f"Both projections learnt from {learnt:,} listings and go {ratio:.0%} of the way; "
            f"average precision on what was held back {judged[0.0]:.3f} before, "
            f"{judged[ratio]:.3f} after{kept}."
        ],
        metrics={
            "listings": learnt,
            "left_out": left_out,
            "ratio": ratio,
            "judged": {str(one): round(value, 4) for one, value in judged.items()},
            "replayed": {str(one): round(value, 4) for one, value in replayed.items()},
        },
    )
