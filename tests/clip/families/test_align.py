"""ALIGN's pictures: up to three steps of EfficientNet's processor become CLIP's one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint
from moderation.clip.pictures.preprocess import pixel_values
from tests.support.clip_models import photo
from tests.support.family_models import build
from tests.support.stock_vectors import image_processor, stock_texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("align", tmp_path_factory.mktemp("models") / "align")


@pytest.mark.parametrize(
    "said",
    [
        {},  # what the processor does where its file says nothing
        {"rescale_offset": True, "rescale_factor": 1 / 127.5},
        {"include_top": False, "do_center_crop": True},
        {"do_normalize": False, "image_std": [0.5, 0.4, 0.3], "resample": 2},
        {"do_normalize": False, "include_top": False, "rescale_offset": True},
    ],
)
def test_pixels_are_those_of_the_stock_processor(tmp_path: Path, said: dict[str, Any]) -> None:
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "EfficientNetImageProcessor", **said})
    )
    (tmp_path / "config.json").write_text('{"model_type": "align"}')
    pictures = [photo(1, 500, 300), photo(2, 90, 120)]
    transform = families.of(tmp_path).load_transform(tmp_path)
    own = pixel_values([transform(picture) for picture in pictures], transform)
    stock = image_processor(tmp_path)(pictures, return_tensors="pt").pixel_values
    np.testing.assert_allclose(own, stock, atol=2e-5)


def test_texts_padded_to_the_processors_64_tokens_have_the_same_vectors(folder: Path) -> None:
    texts = ["a red mug", "photo of a shoe, size 42"]
    short = stock_texts(folder, texts)
    np.testing.assert_allclose(
        stock_texts(folder, texts, padding="max_length", max_length=64), short, atol=1e-5
    )


def test_the_edge_and_the_blocks_are_the_models_own(folder: Path) -> None:
    model = checkpoint.load_model(folder)
    assert families.of(folder).image_size(model.config) == 40
    assert len(model.vision_model.encoder.blocks) == model.config.vision_config.num_hidden_layers
    said = json.loads((folder / "config.json").read_text())["vision_config"]
    assert (said["image_size"], said["num_hidden_layers"]) == (600, 64)
