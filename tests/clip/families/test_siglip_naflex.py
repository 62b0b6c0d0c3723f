"""SigLIP 2 NaFlex: a photo keeps its shape, and its vector is its own in any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.pictures.preprocess import ImageTransform
from tests.support.clip_models import photo
from tests.support.family_models import build
from tests.support.stock_vectors import image_processor

SHAPES = [(60, 45), (45, 60), (33, 33), (640, 40), (3, 200), (8, 8), (1200, 900), (31, 97)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("siglip2", tmp_path_factory.mktemp("models") / "naflex")


def test_patches_mask_and_shapes_are_those_of_the_stock_processor(folder: Path) -> None:
    family, transform = families.of(folder), checkpoint.load_transform(folder)
    images = [photo(seed, *shape) for seed, shape in enumerate(SHAPES)]
    values, mask, shapes = family.image_inputs([transform(one) for one in images], transform)
    stock = image_processor(folder)(images, return_tensors="pt")
    np.testing.assert_array_equal(shapes, stock.spatial_shapes)
    np.testing.assert_array_equal(mask, stock.pixel_attention_mask)
    np.testing.assert_allclose(values, stock.pixel_values, atol=1e-5)


@pytest.mark.parametrize("most", [1, 16, 256, 1000])
def test_a_picture_of_any_shape_fills_the_patches(most: int) -> None:
    from transformers.models.siglip2.image_processing_pil_siglip2 import (
        get_image_size_for_max_num_patches,
    )

    transform = ImageTransform.from_config({"patch_size": 16, "max_num_patches": most})
    for width, height in [(640, 480), (480, 640), (100, 100), (999, 77), (50, 900), (301, 299)]:
        expected = get_image_size_for_max_num_patches(height, width, 16, most)
        assert transform(Image.new("RGB", (width, height))).shape == (*expected, 3)


def test_a_vector_is_the_same_whichever_pictures_come_along(folder: Path) -> None:
    encoder = Encoder.load(folder, device="cpu", precision="fp32", batch_size=8)
    images = [photo(seed, *shape) for seed, shape in enumerate(SHAPES)]
    together = encoder.encode_images(images)
    for image, vector in zip(images, together, strict=True):
        np.testing.assert_allclose(encoder.encode_images([image])[0], vector, atol=1e-6)


def test_a_photo_is_seen_whole(folder: Path) -> None:
    """What lies at the ends of a wide one changes its vector."""
    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    wide = photo(1, 320, 40)
    changed = wide.copy()
    changed.paste("red", (0, 0, 30, 40))
    one, other = encoder.encode_images([wide, changed])
    assert float(one @ other) < 0.999
