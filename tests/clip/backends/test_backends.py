"""A backend is one file: whoever runs the towers, the encoder gives the same vectors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip import families
from moderation.clip.backends.backend import Backend
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.pictures.preprocess import ImageTransform
from tests.clip.families.bag import EDGE, GRID, build_bag
from tests.support.clip_models import photo

TEXTS = ["a red mug", "shoe", "a photo of a blue shoe", "a red mug"]


class Numpy(Backend, name="numpy"):
    """The towers of `bag` in plain numpy, three items at most at a time."""

    most = 3
    weights: dict[str, np.ndarray]

    @classmethod
    def of_folder(
        cls, folder: Path, transform: ImageTransform, *, device: str, precision: str, exports: Path
    ) -> "Numpy":
        family = families.of(folder)
        model = family.load_model(folder)
        found = cls(
            family,
            transform,
            config=model.config,
            logit_scale=family.read_logit_scale(folder),
            device=device,
            precision=precision,
        )
        found.weights = {name: part.numpy() for name, part in model.state_dict().items()}
        return found

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        mean, std = np.array(self.transform.mean), np.array(self.transform.std)
        pixels = (np.stack(pictures) * self.transform.rescale - mean) / std  # [n, H, W, 3]
        cell = EDGE // GRID
        grid = pixels.reshape(len(pixels), GRID, cell, GRID, cell, 3).mean(axis=(2, 4))
        flat = grid.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
        return self._unit(flat @ self.weights["colour_head.weight"].T)

    def texts(self, rows: list[list[int]]) -> np.ndarray:
        words = [self.weights["words.weight"][row].mean(axis=0) for row in rows]
        return self._unit(np.stack(words) @ self.weights["word_head.weight"].T)

    def _unit(self, vectors: np.ndarray) -> np.ndarray:
        if len(vectors) > self.most:
            raise MemoryError("too many")
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bag(tmp_path_factory.mktemp("models") / "bag")


def load(folder: Path, backend: str, **options: Any) -> Encoder:
    return Encoder.load(folder, device="cpu", precision="fp32", backend=backend, **options)


def test_a_backend_is_chosen_by_name_and_gives_the_same_vectors(folder: Path) -> None:
    usual, other = load(folder, "torch"), load(folder, "numpy")
    photos = [photo(seed) for seed in range(3)]
    np.testing.assert_allclose(other.encode_images(photos), usual.encode_images(photos), atol=1e-5)
    np.testing.assert_allclose(other.encode_texts(TEXTS), usual.encode_texts(TEXTS), atol=1e-5)
    assert (other.device, other.precision) == ("cpu", "fp32")


def test_a_batch_that_is_too_large_for_any_backend_is_halved(folder: Path) -> None:
    encoder = load(folder, "numpy", batch_size=64)
    encoder._backend.cores.cores = 1
    photos = [photo(seed) for seed in range(16)]
    expected = load(folder, "torch").encode_images(photos)
    np.testing.assert_allclose(encoder.encode_images(photos), expected, atol=1e-5)
    assert encoder.batch_size == 2


def test_an_unknown_backend_is_named_beside_those_there_are(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no backend 'abacus'; use one of .*torch"):
        load(folder, "abacus")
