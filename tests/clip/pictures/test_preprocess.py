"""The pixels the model sees are those of the stock image processor."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moderation.clip.errors import ModelError
from moderation.clip.pictures.preprocess import ImageTransform, pixel_values

SIZES = [(400, 533), (533, 400), (224, 224), (225, 224), (100, 37), (37, 100), (1, 1), (640, 481)]
CONFIGS: list[dict[str, Any]] = [
    {},
    {"size": 64, "crop_size": 64},
    {"size": {"shortest_edge": 225}, "crop_size": {"height": 224, "width": 224}},
    {"size": {"shortest_edge": 100}, "crop_size": {"height": 128, "width": 90}},
    {"size": {"height": 64, "width": 64}, "do_center_crop": False},
    {"size": {"height": 96, "width": 80}, "crop_size": {"height": 64, "width": 64}},
    {"size": 32, "crop_size": 32, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
]


def noise(width: int, height: int) -> Image.Image:
    random = np.random.default_rng(width * height)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def stock(config: dict[str, Any], image: Image.Image) -> np.ndarray:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    values = CLIPImageProcessorPil(**config)(image, return_tensors="np")["pixel_values"]
    return np.asarray(values[0], dtype=np.float32)


@pytest.mark.parametrize("config", CONFIGS)
def test_equals_the_stock_processor(config: dict[str, Any]) -> None:
    transform = ImageTransform.from_config(config)
    for size in SIZES:
        image = noise(*size)
        ours = pixel_values([transform(image)], transform)[0]
        np.testing.assert_allclose(ours, stock(config, image), rtol=0, atol=1e-6, err_msg=str(size))


@pytest.mark.parametrize("size", [(900, 200), (200, 900), (3000, 250)])
def test_a_strip_differs_by_one_grey_level_at_most(size: tuple[int, int]) -> None:
    # Away from black and white, where Pillow clips between its two passes.
    smooth = noise(12, 12).resize(size, Image.Resampling.BILINEAR).point(lambda v: v // 2 + 64)
    transform = ImageTransform()
    grey_level = 1 / 255 / min(transform.std)
    ours = pixel_values([transform(smooth)], transform)[0]
    np.testing.assert_allclose(ours, stock({}, smooth), rtol=0, atol=grey_level * 1.01)


def test_a_very_long_strip_takes_no_memory_to_speak_of() -> None:
    strip = Image.new("RGB", (2, 2_000_000), "red")
    pixels = ImageTransform()(strip)  # resized whole, this would be 150 GB
    assert pixels.shape == (224, 224, 3)
    assert (pixels == (255, 0, 0)).all()


def test_pictures_are_normalised_as_one_batch() -> None:
    transform = ImageTransform.from_config({"size": 32, "crop_size": 32})
    images = [noise(40, 60), noise(70, 50), noise(33, 33)]
    batch = pixel_values([transform(image) for image in images], transform)
    assert batch.shape == (3, 3, 32, 32)
    for row, image in zip(batch, images, strict=True):
        np.testing.assert_allclose(row, stock({"size": 32, "crop_size": 32}, image), atol=1e-6)


def test_the_scaled_decode_aims_at_the_edge_the_resize_needs() -> None:
    assert ImageTransform.from_config({"size": 64, "crop_size": 64}).target_edge == 64
    squash = {"size": {"height": 96, "width": 128}, "do_center_crop": False}
    assert ImageTransform.from_config(squash).target_edge == 128


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"do_resize": false}', '{"size": {"longest_edge": 5}}', '{"crop_size": {}}'],
)
def test_a_config_that_cannot_be_followed_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        ImageTransform.from_folder(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        ImageTransform.from_folder(tmp_path)


def test_reads_the_config_of_a_model_folder(tmp_path: Path) -> None:
    config = {"size": 64, "crop_size": 48, "image_mean": [0.1, 0.2, 0.3]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    transform = ImageTransform.from_folder(tmp_path)
    assert (transform.shortest_edge, transform.crop) == (64, (48, 48))
    assert transform.mean == (0.1, 0.2, 0.3)
