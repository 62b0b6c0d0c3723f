"""Pictures and texts to unit vectors, in batches: a family, a backend and a decoder, joined."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from moderation.clip import backends, families
from moderation.clip.backends import Backend
from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.checkpoints import checkpoint
from moderation.clip.configuration import BATCH_SIZE, EXPORTS
from moderation.clip.errors import ClipError, ImageError, ModelError
from moderation.clip.pictures import pillow
from moderation.clip.pictures.images import MAX_PIXELS, Decoder, Source, open_image, to_rgb
from moderation.clip.texts.prepare import prepare
from moderation.clip.texts.tokens import Tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ImageSource = Source | Image.Image
Item = TypeVar("Item")
Result = TypeVar("Result")


class Encoder:
    """A loaded model. Safe to share between threads; on a CPU each core takes part of the work.

    `dim` is the length of a vector, `image_size` the model's input edge in pixels, `logit_scale`
    the factor for zero-shot probabilities, `max_pixels` the most that a file may have, `tokens`
    knows how long a text is for the model. A vector depends on who computed it: cache it under
    `arithmetic`, which names `backend` and `precision` together.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        tokenizer: Tokenizer,
        batch_size: int = BATCH_SIZE,
        max_pixels: int = MAX_PIXELS,
        decode: Decoder = pillow.decode,
        read: Callable[[str], str] = prepare,
    ) -> None:
        self.device, self.precision, self.backend = backend.device, backend.precision, backend.name
        self.arithmetic = backend.arithmetic
        self.batch_size, self.max_pixels = max(1, batch_size), max_pixels
        self.transform = backend.transform
        family, config = backend.family, backend.config
        self.logit_scale = backend.logit_scale
        self.image_size, self.dim = family.image_size(config), family.dim(config)
        self._backend, self._cores, self._decoder = backend, backend.cores, decode
        self._read = read
        self.tokens = Tokens(tokenizer, most=family.text_length(config))

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int = BATCH_SIZE,
        max_pixels: int = MAX_PIXELS,
        backend: str = "torch",
        exports: Path = EXPORTS,
        decode: Decoder = pillow.decode,
        read: Callable[[str], str] = prepare,
    ) -> Encoder:
        """Load a model folder and try it once. Raises `ModelError` naming what is wrong.

        `exports` is the folder for files that a backend makes of the model.
        """
        family = families.of(folder)
        try:
            transform = family.load_transform(folder)
            tokenizer = family.load_tokenizer(folder)
            runs = backends.named(backend).of_folder(
                checkpoint.checked(folder),
                transform,
                device=device,
                precision=precision,
                exports=exports,
            )
            family.check_tokenizer(runs.config, tokenizer)
            encoder = cls(
                runs,
                tokenizer=tokenizer,
                batch_size=batch_size,
                max_pixels=max_pixels,
                decode=decode,
                read=read,
            )
            encoder.warm_up()
        except ClipError:
            raise
        except Exception as error:  # whatever the libraries raise for numbers that make no sense
            raise ModelError(
                f"The model in {folder} cannot be loaded: its config.json, "
                "preprocessor_config.json, tokenizer and weights do not fit together "
                f"({type(error).__name__}: {error})."
            ) from error
        return encoder

    def warm_up(self) -> None:
        """Run both towers once, so that the first user does not wait and a bad model shows now."""
        try:
            image = self.encode_images([Image.new("RGB", (self.image_size,) * 2, "grey")])
            text = self.encode_texts(["a photo"])
        except (RuntimeError, ValueError, IndexError) as error:
            raise ModelError(
                "The model does not run: its config.json, preprocessor_config.json, tokenizer and "
                f"weights do not fit together ({error})."
            ) from error
        if not (np.isfinite(image).all() and np.isfinite(text).all()):
            raise ModelError("The model gives no numbers (NaN); its weights are damaged.")

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures to unit vectors, float32 [n, dim], in order."""
        return self._encode(self._images, self._chunks(list(images)))

    def encode_files(self, sources: Sequence[ImageSource]) -> list[np.ndarray | ImageError]:
        """Paths, file contents, open files or pictures of any mode to unit vectors [dim], in order.

        Decoding is shared by the cores. An unreadable one gives an `ImageError` in its place.
        """
        if self.device == "cpu":
            chunks: Iterable[list[np.ndarray | ImageError]] = self._run(
                lambda chunk: self._files([self._decode(source) for source in chunk]),
                self._chunks(list(sources)),
            )
        else:
            chunks = map(self._files, self._decoded_ahead(sources))
        return [vector for chunk in chunks for vector in chunk]

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts to unit vectors, float32 [n, dim], in order; of long ones the title.

        What is encoded is what `texts.prepare` leaves of them. Each different text is encoded once,
        next to others of its length: padding costs time, and in a precision of few digits it moves
        the cosines by some 0.0007.
        """
        read = [self._read(text) for text in texts]
        unique = list(dict.fromkeys(read))
        ids = self.tokens.rows(unique)
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        run = partial(self._vectors, self._backend.texts)
        vectors = self._encode(run, self._text_chunks([ids[index] for index in order]))
        rows = {unique[index]: row for row, index in enumerate(order)}
        return vectors[[rows[text] for text in read]]

    def parts(self, text: str) -> list[str]:
        """What is read of a text, in its parts: the title first, and mostly alone."""
        return self.tokens.parts(self._read(text))

    def _encode(
        self, function: Callable[[list[Item]], np.ndarray], chunks: list[list[Item]]
    ) -> np.ndarray:
        if not chunks:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.concatenate(self._run(function, chunks))

    def _run(
        self, function: Callable[[list[Item]], Result], chunks: list[list[Item]]
    ) -> list[Result]:
        if len(chunks) == 1:
            return [self._cores.wide(function, chunks[0])]
        return self._cores.map(function, chunks)

    def _chunks(self, items: list[Item]) -> list[list[Item]]:
        """Equal parts of at most the batch size: as many as there are cores, or one if few."""
        if not items:
            return []
        parts = math.ceil(len(items) / self.batch_size)
        if len(items) >= 2 * self._cores.cores:
            parts = math.ceil(parts / self._cores.cores) * self._cores.cores
        edges = [len(items) * part // parts for part in range(parts + 1)]
        return [items[start:end] for start, end in itertools.pairwise(edges)]

    def _text_chunks(self, rows: list[list[int]]) -> list[list[list[int]]]:
        """Token rows, the short ones first, in chunks.

        Below fp32 a chunk has rows of one length alone: nothing is padded, so a text's vector does
        not depend on which others came along.
        """
        if self.precision == "fp32":
            return self._chunks(rows)
        alike = itertools.groupby(rows, key=len)
        return [chunk for _, same in alike for chunk in self._chunks(list(same))]

    def _decode(self, source: ImageSource) -> np.ndarray | ImageError:
        """uint8 [H, W, 3], or what is wrong with the file."""
        try:
            if isinstance(source, Image.Image):
                return self.transform(to_rgb(source))
            edge, most = self.transform.target_edge, self.max_pixels
            return self.transform(
                open_image(source, shortest_edge=edge, max_pixels=most, decode=self._decoder)
            )
        except ImageError as error:
            return error

    def _decoded_ahead(
        self, sources: Sequence[ImageSource]
    ) -> Iterator[list[np.ndarray | ImageError]]:
        """Batches of decoded files; the next one is decoded while the device has this one."""
        coming: deque[Iterator[np.ndarray | ImageError]] = deque()
        with ThreadPoolExecutor(cpu_cores(), thread_name_prefix="clip-decode") as pool:
            for start in range(0, len(sources), self.batch_size):
                coming.append(pool.map(self._decode, sources[start : start + self.batch_size]))
                if len(coming) == 2:
                    yield list(coming.popleft())
            yield from map(list, coming)

    def _files(self, decoded: list[np.ndarray | ImageError]) -> list[np.ndarray | ImageError]:
        pixels = [item for item in decoded if not isinstance(item, ImageError)]
        vectors = iter(self._vectors(self._backend.images, pixels) if pixels else ())
        return [item if isinstance(item, ImageError) else next(vectors) for item in decoded]

    def _images(self, images: list[Image.Image]) -> np.ndarray:
        return self._vectors(self._backend.images, [self.transform(image) for image in images])

    def _vectors(self, run: Callable[[list[Item]], np.ndarray], batch: list[Item]) -> np.ndarray:
        """Unit vectors of a batch; out of memory, it continues in halves and remembers the size."""
        try:
            return run(batch)
        except MemoryError as error:
            if len(batch) == 1:
                raise ModelError(
                    f"The {self.device} has too little memory for one item; free some, or use a "
                    "smaller model."
                ) from error
        half = len(batch) // 2
        self.batch_size = max(1, min(self.batch_size, half))
        return np.concatenate([self._vectors(run, part) for part in (batch[:half], batch[half:])])
