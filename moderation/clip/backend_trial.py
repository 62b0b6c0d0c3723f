"""Try the backends on a model: which are faster here, and which of those judge as fp32 does.

Fast is what costs least processor time for the work itself, pictures and texts; each candidate is
timed by turns with torch in fp32, so that a busy machine slows both, and the least of several turns
counts. Equal is what changes at most `MOST` of the verdicts on given pairs, and surely more in no
category. Whatever is not shown to be equal is not used, however fast.
"""

from __future__ import annotations

import gc
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from moderation.clip.backends import machine
from moderation.clip.backends.choice import Choice, Tried
from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.backends.device import cpu_has_fast_bf16
from moderation.clip.configuration import AUTO, BATCH_SIZE, COMPUTES
from moderation.clip.encoder import Encoder, ImageSource
from moderation.clip.errors import ImageError, ModelError
from moderation.clip.statistics.binomial import wilson

logger = logging.getLogger(__name__)

MOST = 0.005  # of the verdicts
CLEARLY = 1.2  # less is within what clocks vary by
PAIRS = 1000
READABLE = 0.8  # share of the photos, at least: a few would prove nothing
CONFIDENCE = 0.95
_TURNS = 4  # with torch's a second or two for a model of ViT-B/32's size
_AT_ONCE = 100  # pairs

Load = Callable[..., Encoder]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Pairs:
    """Photos with their texts, and for each its threshold and its category."""

    images: Sequence[ImageSource]
    texts: Sequence[str]
    thresholds: np.ndarray
    categories: Sequence[str]
    of_the_shop: bool


def choose(
    folder: Path,
    pairs: Pairs,
    *,
    exports: Path,
    precision: str = AUTO,
    batch_size: int = BATCH_SIZE,
    most: float = MOST,
    tell: Tell = lambda text: None,
) -> Choice:
    """Try all candidates for the model in this folder (a minute or more) and decide.

    `precision` leaves out the others, torch's fp32 aside, which all are compared with. Raises
    `ModelError` where the model itself does not load.
    """
    load = partial(Encoder.load, folder, device="cpu", batch_size=batch_size, exports=exports)
    tell("torch in fp32")
    reference = load(backend="torch", precision="fp32")
    compared = _Compared.by(reference, pairs, most=most)
    tried = [_reference_row(reference)]
    for backend, one in _candidates(precision):
        tell(f"{backend} in {one}")
        tried.append(_try(backend, one, load=load, reference=reference, compared=compared))
        gc.collect()  # of large models two at most are in memory
    best = _best(tried)
    return Choice(
        backend=best.backend,
        precision=best.precision,
        pairs=len(compared.thresholds),
        of_the_shop=pairs.of_the_shop,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine.name(),
        tried=tuple(_told(one, best) for one in tried),
    )


def _candidates(precision: str) -> Iterator[tuple[str, str]]:
    for backend, several in COMPUTES.items():
        if backend == "openvino" and find_spec("openvino") is None:
            continue
        for one in several:
            is_torch = backend == "torch"
            if is_torch and (one != "bf16" or not cpu_has_fast_bf16()):
                continue  # fp32 is what the others are compared with, fp16 does not run here
            if precision in (AUTO, one):
                yield backend, one


def _try(
    backend: str, precision: str, *, load: Load, reference: Encoder, compared: _Compared
) -> Tried:
    found = Tried(backend, precision, None, None, times=None, flips=None, decision="")
    try:
        encoder = load(backend=backend, precision=precision)
        (picture, text), times = _timed(reference, encoder)
        found = replace(found, picture_ms=picture, text_ms=text, times=times)
        if times < CLEARLY:
            return replace(found, decision="not clearly faster than torch in fp32")
        return compared.judge(encoder, found)
    except Exception as error:  # whatever a library raises; those of onnxruntime share no base
        name, digits = found.backend, found.precision
        logger.warning("%s in %s cannot be used", name, digits, exc_info=True)
        return replace(found, decision=f"does not run: {error}")


def _reference_row(reference: Encoder) -> Tried:
    (picture, text), _ = _timed(reference, reference)
    return Tried("torch", "fp32", picture, text, times=1.0, flips=0, decision="")


def _best(tried: Sequence[Tried]) -> Tried:
    """The fastest that passed; fewer digits only for a clear gain over the fastest fp32."""
    passed = sorted((one for one in tried if not one.decision), key=lambda one: -(one.times or 0))
    exact = next(one for one in passed if one.precision == "fp32")
    return passed[0] if (passed[0].times or 0) >= CLEARLY * (exact.times or 0) else exact


def _told(one: Tried, best: Tried) -> Tried:
    if one.decision:
        return one
    is_best = (one.backend, one.precision) == (best.backend, best.precision)
    return replace(one, decision="chosen" if is_best else "equal, but no clear gain")


def _timed(reference: Encoder, encoder: Encoder) -> tuple[tuple[float, float], float]:
    """Milliseconds of processor time for a picture and for a text, and how much faster that is."""
    least: dict[tuple[int, str], float] = defaultdict(lambda: float("inf"))
    work = _work(encoder)
    for _ in range(_TURNS):
        for number, one in enumerate((reference, encoder)):
            for kind, run in work.items():
                started = time.process_time()
                count = run(one)
                spent = (time.process_time() - started) * 1000 / count
                least[number, kind] = min(least[number, kind], spent)
    before, after = (least[n, "picture"] + least[n, "text"] for n in (0, 1))
    own = round(least[1, "picture"], 3), round(least[1, "text"], 3)
    return own, round(before / max(after, 1e-9), 2)


def _work(encoder: Encoder) -> dict[str, Callable[[Encoder], int]]:
    """What the worker does with a few listings: enough for each core to have its own."""
    count = 2 * max(2, cpu_cores())
    noise = np.random.default_rng(0).integers(
        0, 256, (count, encoder.image_size, encoder.image_size, 3), dtype=np.uint8
    )
    pictures = [Image.fromarray(one) for one in noise]
    texts = [f"{n} blue ceramic teapots with a lid, 1.2 litres" for n in range(4 * count)]

    def encode_pictures(encoder: Encoder) -> int:
        return len(encoder.encode_images(pictures))

    def encode_texts(encoder: Encoder) -> int:
        return len(encoder.encode_texts(texts))

    return {"picture": encode_pictures, "text": encode_texts}


@dataclass(frozen=True)
class _Compared:
    """The verdicts of fp32 on the pairs whose photo can be read."""

    images: Sequence[ImageSource]
    texts: Sequence[str]
    thresholds: np.ndarray
    categories: Sequence[str]
    verdicts: np.ndarray
    most: float

    @classmethod
    def by(cls, reference: Encoder, pairs: Pairs, *, most: float) -> _Compared:
        cosines = _cosines(reference, pairs.images, pairs.texts)
        read = np.flatnonzero(~np.isnan(cosines)).tolist()
        if len(read) < READABLE * len(cosines) or not read:
            raise ModelError(
                f"Only {len(read):,} of the {len(cosines):,} photos to compare backends by can be "
                "read; try again when they are there."
            )
        thresholds = pairs.thresholds[read]
        return cls(
            images=[pairs.images[number] for number in read],
            texts=[pairs.texts[number] for number in read],
            thresholds=thresholds,
            categories=[pairs.categories[number] for number in read],
            verdicts=cosines[read] < thresholds,
            most=most,
        )

    def judge(self, encoder: Encoder, found: Tried) -> Tried:
        """The row with its flips; its decision stays empty where they are few enough."""
        flipped = (_cosines(encoder, self.images, self.texts) < self.thresholds) != self.verdicts
        return replace(found, flips=int(flipped.sum()), decision=self._refusal(flipped))

    def _refusal(self, flipped: np.ndarray) -> str:
        if flipped.mean() > self.most:
            return f"refused: {flipped.sum()} of {len(flipped)} verdicts change"
        names = np.array(self.categories)
        for name in dict.fromkeys(self.categories):
            own = flipped[names == name]
            surely, _ = wilson(float(own.mean()), len(own), confidence=CONFIDENCE)
            if surely > self.most and own.sum() > 1:
                return f"refused: in {name or 'no category'} {own.sum()} of {len(own)} change"
        return ""


def _cosines(encoder: Encoder, images: Sequence[ImageSource], texts: Sequence[str]) -> np.ndarray:
    """Cosine of each pair, NaN where the photo cannot be read."""
    found = np.full(len(texts), np.nan)
    for start in range(0, len(texts), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        words = encoder.encode_texts(texts[part])
        for place, vector in enumerate(encoder.encode_files(images[part])):
            if not isinstance(vector, ImageError):
                found[start + place] = float(vector @ words[place])
    return found
