"""From a picture to the model's pixels, equal to transformers' `CLIPImageProcessor` (PIL backend).

The pixels are the same to the last bit. Only for strips (a long side over three times the short
one) is the box that survives the centre crop resized alone: the whole strip would cost memory
without bound, and rounding between Pillow's two passes may differ there.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from moderation.clip.errors import ModelError
from moderation.clip.pictures.jpeg_scale import Box, content_box

CONFIG_NAME = "preprocessor_config.json"

# The values of the original CLIP, which stock configs may omit.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_STRIP = 3
_CLOSE = 1e-5  # where the search for a scale ends
_STEPS = ("do_resize", "do_rescale", "do_normalize")


@dataclass(frozen=True)
class ImageTransform:
    """What `preprocessor_config.json` requires.

    Either `shortest_edge` (keep the shape), `squash` (height, width) or `patches` is set: the edge
    of a patch in pixels, and the most of them, which a picture of any shape is made to fill. `crop`
    is (height, width) or None. `mean` and `std` are per channel, on values from 0 to 1.
    """

    shortest_edge: int | None = 224
    squash: tuple[int, int] | None = None
    crop: tuple[int, int] | None = (224, 224)
    resample: int = Image.Resampling.BICUBIC
    mean: tuple[float, ...] = _CLIP_MEAN
    std: tuple[float, ...] = _CLIP_STD
    rescale: float = 1 / 255
    patches: tuple[int, int] | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ImageTransform:
        """Read the fields of a `preprocessor_config.json`. Raises `ModelError`."""
        for step in _STEPS:
            if not config.get(step, True):
                raise ModelError(f"{CONFIG_NAME} sets {step} to false, which is not supported.")
        patches = None
        if "max_num_patches" in config:
            patches = (int(config["patch_size"]), int(config["max_num_patches"]))
        size = config.get("size", {"shortest_edge": 224})
        if isinstance(size, int):
            size = {"shortest_edge": size}
        shortest_edge = size.get("shortest_edge")
        if shortest_edge is None and not {"height", "width"} <= set(size):
            raise ModelError(f"{CONFIG_NAME} has a size without shortest_edge or height and width.")
        return cls(
            shortest_edge=None if patches else shortest_edge,
            squash=None if shortest_edge else (size["height"], size["width"]),
            crop=None if patches else _crop(config),
            resample=config.get("resample", Image.Resampling.BICUBIC),
            mean=tuple(config.get("image_mean", _CLIP_MEAN)),
            std=tuple(config.get("image_std", _CLIP_STD)),
            rescale=config.get("rescale_factor", 1 / 255),
            patches=patches,
        )

    @classmethod
    def from_folder(
        cls, folder: Path, *, rules: Callable[[dict[str, Any]], Mapping[str, Any]] = dict
    ) -> ImageTransform:
        """Read the folder's `preprocessor_config.json`; `rules` turns it into fields of CLIP's.

        Raises `ModelError`.
        """
        path = folder / CONFIG_NAME
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_config(rules({**config}))
        except FileNotFoundError as error:
            raise ModelError(f"The model folder has no {CONFIG_NAME}: {folder}") from error
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ModelError(f"{path} is not a valid preprocessor configuration.") from error

    @property
    def target_edge(self) -> int:
        """The edge in pixels that the resize aims at, fit for `open_image(shortest_edge=)`."""
        if self.patches is not None:
            patch, most = self.patches
            return patch * math.ceil(math.sqrt(most))
        return self.shortest_edge or max(self.squash or (0, 0))

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Resize and crop an RGB image to uint8 [height, width, 3]; with `patches` each image has
        a height and width of its own."""
        box = content_box(image)
        height, width = self._resized(box[2] - box[0], box[3] - box[1])
        if self.crop is not None and max(height, width) > _STRIP * min(height, width):
            return self._strip(image, box, height, width)
        pixels = np.asarray(image.resize((width, height), self.resample, box=box))
        return pixels if self.crop is None else _centre_crop(pixels, self.crop)

    def _strip(self, image: Image.Image, box: Box, height: int, width: int) -> np.ndarray:
        """Resize only the part of the picture that the crop keeps."""
        crop_height, crop_width = self.crop or (height, width)
        kept_height, kept_width = min(crop_height, height), min(crop_width, width)
        top, left = (height - kept_height) // 2, (width - kept_width) // 2
        x_step, y_step = (box[2] - box[0]) / width, (box[3] - box[1]) / height
        kept = (
            box[0] + left * x_step,
            box[1] + top * y_step,
            min(box[0] + (left + kept_width) * x_step, box[2]),
            min(box[1] + (top + kept_height) * y_step, box[3]),
        )
        pixels = np.asarray(image.resize((kept_width, kept_height), self.resample, box=kept))
        return _centre_crop(pixels, (crop_height, crop_width))

    def _resized(self, width: float, height: float) -> tuple[int, int]:
        """Height and width before the crop, for a picture of this size."""
        if self.squash is not None:
            return self.squash
        if self.patches is not None:
            return _filling(height, width, *self.patches)
        edge = self.shortest_edge or 0
        # The longer side rounds down, as in transformers' get_resize_output_image_size.
        stretched = int(edge * max(width, height) / min(width, height))
        return (edge, stretched) if width >= height else (stretched, edge)


def _filling(height: float, width: float, patch: int, most: int) -> tuple[int, int]:
    """The largest height and width of this shape, in whole patches, with `most` of them or fewer.

    Equal to transformers' `get_image_size_for_max_num_patches`, its search and its rounding.
    """

    def edges(scale: float) -> tuple[int, int]:
        tall, wide = (max(1, math.ceil(edge * scale / patch)) for edge in (height, width))
        return tall, wide

    low, high = _CLOSE / 10, 100.0
    while high - low >= _CLOSE:
        scale = (low + high) / 2
        if math.prod(edges(scale)) <= most:
            low = scale
        else:
            high = scale
    tall, wide = edges(low)
    return tall * patch, wide * patch


def pixel_values(arrays: Sequence[np.ndarray], transform: ImageTransform) -> np.ndarray:
    """Stack uint8 [H, W, 3] pictures to float32 [n, 3, H, W], rescaled and normalised at once."""
    mean, std = scaled_mean_std(transform)
    batch = np.stack(arrays).transpose(0, 3, 1, 2).astype(np.float32, order="C")
    batch -= mean[:, None, None]
    batch /= std[:, None, None]
    return batch


def scaled_mean_std(transform: ImageTransform) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel [3] on the scale of a picture's bytes, float32."""
    rescale = np.float32(transform.rescale)
    mean, std = (np.array(one, np.float32) / rescale for one in (transform.mean, transform.std))
    return mean, std


def _centre_crop(pixels: np.ndarray, crop: tuple[int, int]) -> np.ndarray:
    """The middle of [H, W, 3]; black around it where the picture is smaller than the crop."""
    (height, width), (crop_height, crop_width) = pixels.shape[:2], crop
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    if top < 0 or left < 0:
        pad_top, pad_left = max(0, -top), max(0, -left)
        canvas = np.zeros((max(height, crop_height), max(width, crop_width), 3), pixels.dtype)
        canvas[pad_top : pad_top + height, pad_left : pad_left + width] = pixels
        pixels, top, left = canvas, max(0, top), max(0, left)
    return pixels[top : top + crop_height, left : left + crop_width]


def _crop(config: Mapping[str, Any]) -> tuple[int, int] | None:
    if not config.get("do_center_crop", True):
        return None
    crop = config.get("crop_size", 224)
    if isinstance(crop, int):
        return crop, crop
    return crop["height"], crop["width"]
