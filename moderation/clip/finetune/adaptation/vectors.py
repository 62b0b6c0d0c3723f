"""Mode `adapt` for a large model on a CPU: two square matrices, learnt on cached vectors.

As in mode `head` (head.py), M u stands for a new projection, so no pixel is touched and the result
folds into the stock model. What teaches are the shop's listings, by the contrastive loss that CLIP
was trained with; decided pairs stand beside them, and both matrices are held near the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from moderation.clip.data.negatives import colour_bits, kind_name
from moderation.clip.finetune.adaptation.vectors_judge import (
    Maps,
    farthest_allowed,
    held_back,
    judgements,
    mixed,
    replayed_aucs,
)
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.head import IMAGE_MAP, PROJECTIONS, TEXT_MAP
from moderation.clip.finetune.decisions.tune import Tuned
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors, readable
from moderation.clip.finetune.losses import balanced, pair_losses
from moderation.clip.finetune.output import base_tensors
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.training.losses import contrastive_loss
from moderation.clip.training.progress import SignsOfLife, Update, rising

LEFT_OUT = 0.12  # share of the listings, the lowest scores
HELD_OUT = 0.1  # share of the listings by which the ratio is chosen
_BATCH, _EPOCHS, _RATE, _PULL = 256, 10, 5e-4, 3.0
_SCALE = 30.0  # of cosines in both losses; CLIP's own 100 lets single wrong listings shout


def adapt_vectors(
    folder: Path,
    data: FinetuneData,
    *,
    settings: FinetuneSettings,
    tell: Callable[[Update], None],
    vectors: Vectors | None,
) -> Tuned:
    """New projections for the model in `folder`; `vectors` may answer for its encoder.

    A killed run begins anew: what takes time are the vectors, and those are the cache's. Pairs to
    replay are not learnt from; they only judge what was forgotten.
    """
    assert data.listings is not None
    signs = SignsOfLife(rising(tell))
    if vectors is None:
        vectors = EncoderVectors(folder, device=settings.device, precision=settings.precision)
    source = Remembered(vectors, tell=lambda doing, done: signs.tell(Update(doing, 0.7 * done)))
    known = readable(
        source,
        data.listings.images,
        tell=lambda done: signs.tell(Update("Encoding the listings", 0.7 * done)),
    )
    listings = data.listings.take(known)
    data = replace(data, listings=listings)
    image = source.images(listings.images)  # [n, d]
    text = source.texts(listings.texts)  # [n, d]
    rng = np.random.default_rng(settings.seed)
    held, rest = held_back(listings, share=HELD_OUT, rng=rng)
    scores = (image[rest] * text[rest]).sum(axis=1)
    learnt = rest[np.argsort(scores, kind="stable")[int(LEFT_OUT * len(rest)) :]]
    maps = _train(image, text, learnt, data, source, settings=settings, tell=signs.tell)
    judged = judgements(maps, listings.take(held), data.validation, source, rng=rng)
    replayed = replayed_aucs(maps, data.replay, source, seed=settings.seed, alive=signs.again)
    ratio = farthest_allowed(judged, replayed)
    chosen = mixed(maps, ratio)
    projections = base_tensors(folder, tuple(PROJECTIONS.values()))
    return Tuned(
        folder,
        tensors={
            name: (chosen[key].double() @ projections[name].double()).float()
            for key, name in PROJECTIONS.items()
        }
        if ratio
        else {},
        maps=chosen if ratio else None,
        reasons=[
            f"Both projections learnt from {len(learnt):,} listings and go {ratio:.0%} of the way; "
            f"average precision on what was held back {judged[0.0]:.3f} before, "
            f"{judged[ratio]:.3f} after{_kept(ratio, replayed)}."
        ],
        metrics={
            "listings": len(learnt),
            "left_out": len(rest) - len(learnt),
            "ratio": ratio,
            "judged": {str(one): round(value, 4) for one, value in judged.items()},
            "replayed": {str(one): round(value, 4) for one, value in replayed.items()},
        },
    )


def _train(
    image: np.ndarray,
    text: np.ndarray,
    learnt: np.ndarray,
    data: FinetuneData,
    source: Vectors,
    *,
    settings: FinetuneSettings,
    tell: Callable[[Update], None],
) -> Maps:
    """Both matrices after the last epoch."""
    import torch
    from torch.nn.functional import normalize

    listings, size = data.listings, image.shape[1]
    assert listings is not None
    maps = {name: torch.nn.Parameter(torch.eye(size)) for name in (IMAGE_MAP, TEXT_MAP)}
    optimizer = torch.optim.Adam([*maps.values()], lr=settings.learning_rate or _RATE)
    images, texts = torch.from_numpy(image), torch.from_numpy(text)
    decided = [
        torch.from_numpy(v)
        for v in (source.images(data.train.images), source.texts(data.train.texts))
    ]
    label = torch.tensor(data.train.labels, dtype=torch.float32)
    weight = torch.tensor(balanced(data.train.labels, data.train.weights), dtype=torch.float32)
    names = list(map(kind_name, listings.categories, listings.texts))
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    kinds = np.array([place[name] for name in names])
    bits = np.array([colour_bits(one) for one in listings.texts], dtype=np.int64)
    scale, bias = (
        torch.tensor(_SCALE),
        torch.nn.Parameter(torch.tensor(-_SCALE * float((image * text).sum(1).mean()) * 0.9)),
    )
    optimizer.add_param_group({"params": [bias], "lr": 1e-2})
    epochs, batch = settings.epochs or _EPOCHS, settings.batch_size or _BATCH
    step, steps = 0, epochs * (len(learnt) // batch or 1)
    for epoch in range(epochs):
        order = np.random.default_rng([settings.seed, epoch]).permutation(learnt)
        for start in range(0, max(len(order) - batch + 1, 1), batch):
            rows = order[start : start + batch]
            u = normalize(images[rows] @ maps[IMAGE_MAP].T, dim=-1)  # [b, d]
            v = normalize(texts[rows] @ maps[TEXT_MAP].T, dim=-1)  # [b, d]
            maybe = torch.from_numpy(_maybe_true(kinds[rows], bits[rows]))
            loss = contrastive_loss(u, v, scale=scale, ignored=maybe)
            if len(label):
                p = normalize(decided[0] @ maps[IMAGE_MAP].T, dim=-1)  # [m, d]
                q = normalize(decided[1] @ maps[TEXT_MAP].T, dim=-1)
                each = pair_losses((p * q).sum(dim=1), label, scale=scale, bias=bias)  # [m]
                loss = loss + (weight * each).mean()
            eye = torch.eye(size)
            loss = loss + _PULL / size * sum(((one - eye) ** 2).sum() for one in maps.values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        point = {"step": step, "train": float(loss.detach())}
        tell(
            Update(
                f"Adapting the projections, epoch {epoch + 1} of {epochs}",
                0.7 + 0.25 * step / steps,
                point=point,
            )
        )
    return {name: one.detach() for name, one in maps.items()}


def _maybe_true(kinds: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """[b, b] bool: another listing of the kind whose text names no other colour."""
    same = kinds[:, None] == kinds[None]
    colour = ((bits[:, None] & bits[None]) != 0) | (bits[:, None] == 0) | (bits[None] == 0)
    maybe = same & colour
    np.fill_diagonal(maybe, False)
    return maybe


def _kept(ratio: float, replayed: Mapping[float, float]) -> str:
    if not replayed:
        return ""
    return f"; ROC-AUC on pairs to replay {replayed[0.0]:.3f} and {replayed[ratio]:.3f}"
