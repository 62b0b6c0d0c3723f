"""A family is one file: what only `bag.py` says is enough to load, score, classify and serve."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip import families, scoring
from moderation.clip.analyzer import CLIPAnalyzer
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.families.clip import Clip
from moderation.clip.pictures.preprocess import ImageTransform
from tests.clip.families.bag import DIM, EDGE, build_bag
from tests.support.clip_models import photo

TEXTS = ["a red mug", "shoe", "a photo of a blue shoe of a red mug", "a red mug", "teapot"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bag(tmp_path_factory.mktemp("models") / "bag")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return Encoder.load(folder, device="cpu", precision="fp32", batch_size=2)


def own_vectors(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of five photos and of TEXTS by the model alone, one by one, unpadded."""
    import torch

    model, tokenizer = checkpoint.load_model(folder), checkpoint.load_tokenizer(folder)
    images, texts = [], []
    with torch.inference_mode():
        for seed in range(5):
            small = np.asarray(photo(seed).resize((EDGE, EDGE), 3), dtype=np.float32)
            pixels = torch.from_numpy(small).permute(2, 0, 1)[None] / 127.5 - 1
            images.append(model.see(pixels))
        for text in TEXTS:
            ids = torch.tensor([tokenizer.encode(text).ids[:6]])
            texts.append(model.read(ids, torch.ones_like(ids)))
    found = (torch.nn.functional.normalize(torch.cat(rows), dim=-1) for rows in (images, texts))
    image, text = (rows.numpy() for rows in found)
    return image, text


def test_vectors_are_those_of_the_familys_own_towers(encoder: Encoder, folder: Path) -> None:
    images, texts = own_vectors(folder)
    assert (encoder.dim, encoder.image_size) == (DIM, EDGE)
    np.testing.assert_allclose(
        encoder.encode_images([photo(seed) for seed in range(5)]), images, atol=1e-5
    )
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)


def test_the_analyzer_scores_and_classifies_by_the_familys_scale(folder: Path) -> None:
    analyzer = CLIPAnalyzer(folder, "cpu")
    score = analyzer.compute_similarity(photo(1), "a red mug")
    assert analyzer.detect_mismatch(photo(1), "a red mug", threshold=score + 0.01)["is_mismatch"]
    found = analyzer.class_based_comparison(photo(1), ["mug", "shoe", "photo"], top_k=3)
    assert sum(match["score"] for match in found) == pytest.approx(1, abs=1e-5)
    assert analyzer.encoder.logit_scale == pytest.approx(20)
    assert checkpoint.logit_scale(folder) == pytest.approx(20)
    expected = scoring.category_probabilities(
        analyzer.encoder.encode_images([photo(1)]),
        analyzer.categories.of(["mug", "shoe", "photo"]),
        logit_scale=20,
    )
    assert found[0]["score"] == pytest.approx(expected.max(), abs=1e-4)


def test_a_version_of_another_family_is_served(db: None, folder: Path) -> None:
    from moderation.services.encoding import engine
    from moderation.services.registry import registering

    version = registering.register(str(folder))
    served = engine.engine_for(version)
    [vector] = served.encoder.encode_files([photo(2)])
    assert isinstance(vector, np.ndarray)
    ranked = served.rank(vector, [("Mugs", "a mug"), ("Shoes", "a shoe")], top_k=2)
    assert {match["category"] for match in ranked} == {"Mugs", "Shoes"}
    engine.unload()


@pytest.mark.parametrize("name", ["folder", "tiny_folder"])
def test_a_family_names_weights_that_its_models_have(
    name: str, request: pytest.FixtureRequest
) -> None:
    """What mode `head` and mode `last` train, and what no training reaches."""
    folder = request.getfixturevalue(name)
    model = checkpoint.load_model(folder)
    family = families.of_model(model)
    assert family is families.of(folder)
    weights = model.state_dict()
    for tower in families.TOWERS:
        assert weights[family.projections[tower]].shape[0] == family.dim(model.config)
    for start in family.last_layers(model.config):
        assert any(weight.startswith(start) for weight in weights)


def test_the_last_layers_of_clip_are_those_that_a_training_changes(tiny_folder: Path) -> None:
    model = checkpoint.load_model(tiny_folder)
    starts = families.of_model(model).last_layers(model.config)
    first = [name for name, _ in model.named_parameters() if not name.startswith(starts)]
    assert {name.split(".")[3] for name in first if ".layers." in name} == {"0"}
    assert not [name for name in first if "projection" in name or "post_layernorm" in name]


def test_a_model_of_no_known_family_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match=r"config\.json is of the type 'bert'; use one of .*clip"):
        families.of(tmp_path)


def test_a_config_without_a_type_is_clips(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"projection_dim": 16}))
    assert type(families.of(tmp_path)) is Clip


def test_a_preprocessor_may_leave_out_what_its_family_says(folder: Path) -> None:
    transform: Any = checkpoint.load_transform(folder)
    assert (transform.squash, transform.crop, transform.mean) == ((EDGE, EDGE), None, (0.5,) * 3)
    assert ImageTransform.from_folder(folder).mean != transform.mean
