"""Pictures and texts to unit vectors, in batches, by any stock `CLIPModel`."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from moderation.clip.backends.cores import CorePool
from moderation.clip.backends.device import (
    Device,
    Precision,
    choose_device,
    choose_precision,
    cpu_cores,
    is_out_of_memory,
)
from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ImageError, ModelError
from moderation.clip.pictures.images import MAX_PIXELS, Source, open_image, to_rgb
from moderation.clip.pictures.preprocess import ImageTransform, pixel_values

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import CLIPModel

ImageSource = Source | Image.Image
Item = TypeVar("Item")
Result = TypeVar("Result")

DEFAULT_BATCH_SIZE = 32


class Encoder:
    """A loaded model. Safe to share between threads; on a CPU each core takes part of the work.

    `dim` is the length of a vector, `image_size` the model's input edge in pixels, `logit_scale`
    the factor for zero-shot probabilities, `max_pixels` the most that a file may have. A vector
    depends on `precision`: cache it under that.
    """

    def __init__(
        self,
        model: CLIPModel,
        *,
        tokenizer: Tokenizer,
        transform: ImageTransform,
        device: Device = "cpu",
        precision: Precision = "fp32",
        batch_size: int = DEFAULT_BATCH_SIZE,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        import torch

        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        self.device, self.precision = device, precision
        self.batch_size = max(1, batch_size)
        self.max_pixels = max_pixels
        self.transform = transform
        self.logit_scale = float(model.logit_scale.detach().float().exp())
        self.image_size: int = model.config.vision_config.image_size
        self.dim: int = model.config.projection_dim
        self._model = model.to(device=device, dtype=dtypes[precision]).eval()
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(model.config.text_config.max_position_embeddings)
        self._cores = CorePool(cpu_cores() if device == "cpu" else 1)

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int = DEFAULT_BATCH_SIZE,
        max_pixels: int = MAX_PIXELS,
    ) -> Encoder:
        """Load a model folder and try it once. Raises `ModelError` naming what is wrong."""
        chosen = choose_device(device)
        transform = ImageTransform.from_folder(folder)
        encoder = cls(
            checkpoint.load_model(folder),
            tokenizer=checkpoint.load_tokenizer(folder),
            transform=transform,
            device=chosen,
            precision=choose_precision(chosen, precision),
            batch_size=batch_size,
            max_pixels=max_pixels,
        )
        encoder.warm_up()
        return encoder

    def warm_up(self) -> None:
        """Run both towers once, so that the first user does not wait and a bad model shows now."""
        self._check_end_token()
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

    def _check_end_token(self) -> None:
        """A text's vector is taken at this token: with a wrong one all texts look alike."""
        expected = self._model.config.text_config.eos_token_id
        found = self._tokenizer.encode("a").ids[-1]
        # 2 stands in OpenAI's configs, and makes transformers look for the highest token instead.
        if expected not in (2, found):
            raise ModelError(
                f"config.json says that a text ends with token {expected}, but tokenizer.json ends "
                f"it with {found}; the two belong to different models."
            )

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures to unit vectors, float32 [n, dim], in order."""
        return self._encode(list(images), self._images)

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
        """Texts to unit vectors, float32 [n, dim], in order; long ones are cut off.

        Each different text is encoded once, next to others of its length: padding costs time.
        """
        unique = list(dict.fromkeys(texts))
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(unique)]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        vectors = self._encode([ids[index] for index in order], self._token_rows)
        rows = {unique[index]: row for row, index in enumerate(order)}
        return vectors[[rows[text] for text in texts]]

    def _encode(
        self, items: list[Item], function: Callable[[list[Item]], np.ndarray]
    ) -> np.ndarray:
        if not items:
            return np.zeros((0, self.dim), dtype=np.float32)
        return np.concatenate(self._run(function, self._chunks(items)))

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

    def _decode(self, source: ImageSource) -> np.ndarray | ImageError:
        """uint8 [H, W, 3], or what is wrong with the file."""
        try:
            if isinstance(source, Image.Image):
                return self.transform(to_rgb(source))
            edge, most = self.transform.target_edge, self.max_pixels
            return self.transform(open_image(source, shortest_edge=edge, max_pixels=most))
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
        vectors = iter(self._pixels(pixels) if pixels else ())
        return [item if isinstance(item, ImageError) else next(vectors) for item in decoded]

    def _images(self, images: list[Image.Image]) -> np.ndarray:
        return self._pixels([self.transform(image) for image in images])

    def _pixels(self, arrays: list[np.ndarray]) -> np.ndarray:
        def features(batch: list[np.ndarray]) -> Any:
            values = pixel_values(batch, self.transform)
            values = values.to(device=self.device, dtype=self._model.dtype)
            return self._model.get_image_features(pixel_values=values)

        return self._unit(features, arrays)

    def _token_rows(self, rows: list[list[int]]) -> np.ndarray:
        import torch

        def features(batch: list[list[int]]) -> Any:
            # Padded with each row's own end token. No attention mask: attention is causal and the
            # vector is taken at the first end token, which cannot see what follows it.
            longest = max(map(len, batch))
            padded = [row + row[-1:] * (longest - len(row)) for row in batch]
            return self._model.get_text_features(input_ids=torch.tensor(padded).to(self.device))

        return self._unit(features, rows)

    def _unit(self, features: Callable[[list[Item]], Any], batch: list[Item]) -> np.ndarray:
        """Unit vectors of a batch; out of memory, it goes on in halves and remembers the size."""
        import torch

        try:
            with torch.inference_mode():
                vectors = features(batch).pooler_output.float()
                return torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise ModelError(
                    f"The {self.device} has too little memory for one item; free some, or use a "
                    "smaller model."
                ) from error
        if self.device == "cuda":
            torch.cuda.empty_cache()
        half = len(batch) // 2
        self.batch_size = max(1, min(self.batch_size, half))
        parts = (batch[:half], batch[half:])
        return np.concatenate([self._unit(features, part) for part in parts])
