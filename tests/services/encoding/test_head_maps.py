"""Vectors of a version that shares its towers with another: mapped, not encoded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from moderation.clip.errors import ModelError
from moderation.models import Embedding, ModelVersion
from moderation.services.encoding import embeddings, head_maps
from moderation.services.encoding.embeddings import Known
from moderation.services.registry import files, registering
from tests.support.clip_models import build_folder

DIM = 16
random = np.random.default_rng(7)
SHA = ["a" * 64, "b" * 64, "c" * 64]


@pytest.fixture
def family(db: None, tmp_path: Path, settings: Any) -> list[ModelVersion]:
    """A version, one with trained projections upon it, and one more upon that."""
    settings.CLIP_PRECISION = "fp32"
    found: list[ModelVersion] = []
    for number in range(3):
        folder = build_folder(tmp_path / f"generation{number}")
        if number:
            write_maps(folder, number)
            change_weights(folder, number)
        version = registering.register(str(folder))
        version.vision_of = found[-1] if found else None
        version.save()
        found.append(version)
    return found


def write_maps(folder: Path, seed: int) -> None:
    made = np.random.default_rng(seed).normal(size=(2, DIM, DIM)).astype(np.float32)
    save_file({"M_image": made[0], "M_text": made[1]}, folder / head_maps.FILE_NAME)


def change_weights(folder: Path, number: int) -> None:
    from safetensors.torch import load_file
    from safetensors.torch import save_file as save

    weights = load_file(folder / "model.safetensors")
    weights["logit_scale"] += number
    save(weights, folder / "model.safetensors", metadata={"format": "pt"})


def unit(count: int) -> np.ndarray:
    vectors = random.normal(size=(count, DIM)).astype(np.float16).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def store(version: ModelVersion, tower: str, vectors: dict[str, np.ndarray]) -> None:
    for sha, vector in vectors.items():
        Embedding.objects.create(
            model_version=version,
            tower=tower,
            precision="fp32",
            content_hash=sha,
            vector=vector.astype(np.float16).tobytes(),
        )


def normalised(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def test_vectors_come_through_all_generations(family: list[ModelVersion]) -> None:
    first, second, third = family
    vectors = unit(3)
    store(first, "text", {SHA[0]: vectors[0], SHA[1]: vectors[1]})
    store(third, "text", {SHA[1]: vectors[2]})
    maps = [head_maps.read(files.folder_of(version)) for version in (second, third)]
    assert maps[0] is not None
    assert maps[1] is not None
    known, there = Known.of(third).matrix("text", [SHA[1], SHA[0], SHA[2], SHA[0]])
    assert list(there) == [True, True, False, True]
    stepwise = normalised(maps[1]["text"] @ normalised(maps[0]["text"] @ vectors[0]))
    np.testing.assert_allclose(known[1], stepwise, atol=2e-3)
    np.testing.assert_allclose(known[0], vectors[2], atol=2e-3)  # its own comes first
    np.testing.assert_array_equal(known[1], known[3])
    assert not known[2].any()
    assert Known.of(third).find("image", [SHA[0]]) == {}


def test_the_same_weights_have_the_same_vectors(family: list[ModelVersion]) -> None:
    first = family[0]
    calibrated = ModelVersion.objects.create(
        name="calibrated",
        source="trained",
        location=first.location,
        weights_sha256=first.weights_sha256,
        threshold=0.1,
        vision_of=first,
    )
    (vector,) = unit(1)
    store(first, "image", {SHA[0]: vector})
    found = Known.of(calibrated).find("image", SHA[:1])[SHA[0]]
    np.testing.assert_allclose(found, vector, atol=1e-3)


def test_vectors_of_a_version_whose_folder_is_gone_are_nobody_elses(
    family: list[ModelVersion],
) -> None:
    first, second, _third = family
    store(second, "image", {SHA[0]: unit(1)[0]})
    shutil.rmtree(second.location)

    assert Known.of(first).find("image", SHA[:1]) == {}
    with pytest.raises(ModelError, match="is gone"):
        Known.of(second)


def test_where_the_maps_are_lost_vectors_are_computed_anew(
    family: list[ModelVersion], media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from moderation.services.encoding import engine

    first, second, third = family
    sha = embeddings.text_sha256("a shoe")
    strange, own = unit(2)
    store(first, "text", {sha: strange})
    store(first, "image", {SHA[1]: strange})
    store(second, "image", {SHA[0]: own})
    (Path(second.location) / head_maps.FILE_NAME).unlink()

    # The weights differ, so what the parent has cached is nothing of this version's.
    assert Known.of(second).find("text", [sha]) == {}
    assert "head_maps.safetensors is gone: the vectors of version" in caplog.text
    np.testing.assert_allclose(Known.of(second).find("image", SHA[:1])[SHA[0]], own, atol=1e-3)
    engine.unload()  # one of a former test may have the same key
    loaded = engine.engine_for(second)
    np.testing.assert_allclose(
        embeddings.text_vectors(loaded, ["a shoe"])["a shoe"],
        loaded.encoder.encode_texts(["a shoe"])[0],
        atol=2e-3,
    )
    engine.unload()

    # Nor does the parent get this one's; what was built upon it starts from it.
    assert Known.of(first).find("image", SHA[:1]) == {}
    assert set(Known.of(third).find("image", SHA)) == {SHA[0]}
    assert head_maps.towers_of(second) == second
    assert head_maps.towers_of(third) == second and head_maps.towers_of(first) == first


def test_the_precision_is_that_of_the_cache(family: list[ModelVersion], settings: Any) -> None:
    settings.CLIP_PRECISION = "auto"
    assert Known.of(family[2]).precision == ""
    store(family[0], "image", {SHA[0]: unit(1)[0]})
    assert Known.of(family[2]).precision == "fp32"
    settings.CLIP_PRECISION = "bf16"
    assert Known.of(family[2]).find("image", SHA[:1]) == {}


@pytest.mark.parametrize(
    ("matrices", "told"),
    [
        ({"M_image": np.eye(4)}, "must hold M_image and M_text"),
        ({"M_image": np.eye(4), "M_text": np.ones((4, 3))}, "two square matrices of one size"),
        ({"M_image": np.eye(4), "M_text": np.eye(4) * np.nan}, "not finite"),
    ],
)
def test_damaged_maps_are_refused(
    tmp_path: Path, matrices: dict[str, np.ndarray], told: str
) -> None:
    save_file(matrices, tmp_path / head_maps.FILE_NAME)
    with pytest.raises(ModelError, match=told):
        head_maps.read(tmp_path)


def test_a_mapped_photo_is_not_encoded(
    family: list[ModelVersion], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moderation.services.encoding import engine

    first, second, _ = family
    store(first, "image", {SHA[0]: unit(1)[0]})
    store(first, "text", {embeddings.text_sha256("a shoe"): unit(1)[0]})
    engine.unload()  # one of a former test may have the same key
    loaded = engine.engine_for(second)
    for name in ("encode_files", "encode_texts"):
        monkeypatch.setattr(
            loaded.encoder, name, lambda items: pytest.fail("encoded") if items else []
        )
    assert set(embeddings.image_vectors(loaded, [(SHA[0], media / "gone.jpg")])) == {SHA[0]}
    assert set(embeddings.text_vectors(loaded, ["a shoe"])) == {"a shoe"}
    engine.unload()
