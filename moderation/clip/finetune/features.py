"""Unit vectors of pictures and texts by the model that a training starts from, each made once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from moderation.clip.encoder import Encoder
from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import open_image

_CHUNK = 128  # items between two heartbeats


class Vectors(Protocol):
    """Where vectors come from: an encoder, or a cache of what the catalogue was scored with."""

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        """Unit vectors of these files, float32 [n, d]."""

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of these texts, float32 [n, d]."""


class EncoderVectors:
    """Vectors straight from the model of a folder, which is loaded when it is first asked.

    They are rounded as a cache of float16 gives them back, so that a training that may not use the
    cache (one of several processes) starts from the same vectors as one that may.
    """

    def __init__(self, folder: Path, *, device: str, precision: str) -> None:
        self.folder, self.device, self.precision = folder, device, precision

    @cached_property
    def encoder(self) -> Encoder:
        """The loaded model. Raises `ModelError`."""
        return Encoder.load(self.folder, device=self.device, precision=self.precision)

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        found = self.encoder.encode_files(paths)
        for vector in found:
            if isinstance(vector, ImageError):
                raise vector
        return _rounded([vector for vector in found if not isinstance(vector, ImageError)])

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        return _rounded(list(self.encoder.encode_texts(texts)))


class Remembered:
    """Vectors that are asked of `source` once; `tell` gets the share of a request that is done."""

    def __init__(
        self, source: Vectors, *, tell: Callable[[str, float], None] = lambda doing, done: None
    ) -> None:
        self.source, self.tell = source, tell
        self._images: dict[Path, np.ndarray] = {}
        self._texts: dict[str, np.ndarray] = {}

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        """Unit vectors [n, d] in order."""
        new = list(dict.fromkeys(path for path in paths if path not in self._images))
        for start in range(0, len(new), _CHUNK):
            self.tell("Encoding images", start / len(new))
            chunk = new[start : start + _CHUNK]
            self._images.update(zip(chunk, self.source.images(chunk), strict=True))
        return _stacked([self._images[path] for path in paths])

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors [n, d] in order."""
        new = list(dict.fromkeys(text for text in texts if text not in self._texts))
        for start in range(0, len(new), 8 * _CHUNK):
            self.tell("Encoding texts", start / len(new))
            chunk = new[start : start + 8 * _CHUNK]
            self._texts.update(zip(chunk, self.source.texts(chunk), strict=True))
        return _stacked([self._texts[text] for text in texts])


def encodable(
    source: Vectors, paths: Sequence[Path], *, tell: Callable[[float], None]
) -> np.ndarray:
    """Positions of the files that the model can look at; their vectors are made on the way."""
    found: list[int] = []
    for start in range(0, len(paths), _CHUNK):
        tell(start / len(paths))
        chunk = range(start, min(start + _CHUNK, len(paths)))
        if _all(source, [paths[number] for number in chunk]):
            found += chunk
        else:
            found += [number for number in chunk if _all(source, [paths[number]])]
    return np.array(found, dtype=np.int64)


def _all(source: Vectors, paths: Sequence[Path]) -> bool:
    try:
        source.images(paths)
    except ImageError:
        return False
    return True


def opens(path: Path) -> bool:
    """Whether the file holds a picture that can be read."""
    try:
        open_image(path, shortest_edge=1)
    except ImageError:
        return False
    return True


def _rounded(vectors: list[np.ndarray]) -> np.ndarray:
    """Unit vectors [n, d] with the digits of float16; rounding moves a length by 0.0002."""
    found = _stacked(vectors).astype(np.float16).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _stacked(vectors: list[np.ndarray]) -> np.ndarray:
    return np.stack(vectors).astype(np.float32) if vectors else np.zeros((0, 0), np.float32)
