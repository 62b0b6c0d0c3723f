"""Every family's vectors are those of transformers alone; what mode head can train is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from moderation.clip import families
from moderation.clip.analyzer import CLIPAnalyzer
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.run import finetune
from moderation.clip.finetune.settings import FinetuneSettings
from tests.support.clip_models import photo
from tests.support.family_models import FAMILIES, build
from tests.support.finetune_shop import write_shop
from tests.support.stock_vectors import stock_images, stock_texts

# SigLIP's stock tokenizer needs a package that clipmod does not have: test_siglip.py.
OTHERS = [name for name in FAMILIES if not name.startswith("siglip")]
TEXTS = [
    "a red mug", "Blue ceramic teapot with lid", "rote Tasse aus Keramik", "красная кружка",
    "mug", "赤いマグカップ", "photo of a shoe, size 42", "कॉफ़ी", "A Red Shoe", "",
]  # fmt: skip
SHAPES = [(60, 45), (45, 60), (33, 33), (120, 40), (40, 64)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {}


@pytest.fixture
def folder(
    request: pytest.FixtureRequest, folders: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:  # fmt: skip
    """The model of the family that the test is for, built once."""
    name = request.param
    if name not in folders:
        folders[name] = build(name, tmp_path_factory.mktemp("models") / name.replace(" ", "-"))
    return folders[name]


def of(names: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("folder", names, indirect=True)


def name_of(folder: Path, folders: dict[str, Path]) -> str:
    return next(name for name, known in folders.items() if known == folder)


def load(folder: Path) -> Encoder:
    """An encoder that reads texts as they are, as the stock model does."""
    return Encoder.load(folder, device="cpu", precision="fp32", batch_size=4, read=str)


def known_texts(folder: Path) -> list[str]:
    """Those of TEXTS that are read whole, and without a sign that the vocabulary lacks: clipmod
    leaves such signs out."""
    tokenizer = checkpoint.load_tokenizer(folder)
    length = families.of(folder).read_text_length(folder)
    unknown = {tokenizer.token_to_id(token) for token in ("<unk>", "[UNK]")} - {None}
    rows = [tokenizer.encode(text).ids for text in TEXTS]
    return [
        text
        for text, row in zip(TEXTS, rows, strict=True)
        if len(row) <= length and not unknown & {*row}
    ]


@of(OTHERS)
def test_texts_have_the_vectors_of_the_stock_model(folder: Path) -> None:
    """In one batch of texts of differing lengths, in small ones, and alone."""
    texts, encoder = known_texts(folder), load(folder)
    expected = stock_texts(folder, texts)
    assert len(texts) >= 5
    assert len({tuple(row.round(4)) for row in expected}) == len(texts)
    assert encoder.dim == expected.shape[1]
    np.testing.assert_allclose(encoder.encode_texts(texts), expected, atol=1e-5)
    for text, vector in zip(texts, expected, strict=True):
        np.testing.assert_allclose(encoder.encode_texts([text])[0], vector, atol=1e-5)


@of([*FAMILIES])
def test_photos_have_the_vectors_of_the_stock_model(folder: Path) -> None:
    images = [photo(seed, *shape) for seed, shape in enumerate(SHAPES)]
    expected = stock_images(folder, images)
    assert np.abs(expected @ expected.T - np.eye(len(images))).max() < 0.999
    encoder = load(folder)
    np.testing.assert_allclose(encoder.encode_images(images), expected, atol=1e-5)
    for image, vector in zip(images, expected, strict=True):
        np.testing.assert_allclose(encoder.encode_images([image])[0], vector, atol=1e-5)


@of([*FAMILIES])
def test_a_long_text_is_read_in_parts_of_what_the_model_learnt_with(folder: Path) -> None:
    encoder, family = load(folder), families.of(folder)
    length = family.read_text_length(folder)
    assert length == family.text_length(checkpoint.load_model(folder).config)
    long = "a red mug. " + "photo of a shoe with lid " * 30
    parts = encoder.parts(long)
    assert len(parts) > 1
    assert max(len(row) for row in encoder.tokens.rows(parts)) <= length
    assert np.isfinite(encoder.encode_texts(parts)).all()


@of([*FAMILIES])
def test_a_threshold_begins_with_the_familys_own(folder: Path, folders: dict[str, Path]) -> None:
    expected = FAMILIES[name_of(folder, folders)].threshold
    assert checkpoint.threshold(folder) == pytest.approx(expected, abs=1e-3)


@of([*FAMILIES])
def test_a_model_of_the_family_scores_and_classifies(folder: Path) -> None:
    analyzer = CLIPAnalyzer(folder, "cpu")
    score = analyzer.compute_similarity(photo(1), "a red mug")
    assert -1 <= score <= 1
    found = analyzer.class_based_comparison(photo(1), ["mug", "shoe", "teapot"], top_k=3)
    assert sum(match["score"] for match in found) == pytest.approx(1, abs=1e-4)
    assert checkpoint.logit_scale(folder) == pytest.approx(analyzer.encoder.logit_scale, rel=1e-5)
    assert analyzer.threshold == checkpoint.threshold(folder)


@of([*FAMILIES])
def test_a_family_names_weights_that_its_models_have(folder: Path) -> None:
    family, model = families.of(folder), checkpoint.load_model(folder)
    weights = model.state_dict()
    for name in family.projections.values():
        assert weights[name].shape[0] == family.dim(model.config)
    for part in (*family.last_layers(model.config), *family.ends):
        assert any(name.startswith(part) for name in weights), part
    for end in family.fixed:
        assert any(name.endswith(end) for name in weights), end


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FinetuneData:
    shop = write_shop(tmp_path_factory.mktemp("shop"), count=160, size=32)
    found = read_csvs(shop, None, shop.parent)
    right = found.train.take(np.flatnonzero(found.train.labels == 1))
    listings = Listings(right.images, right.texts, right.categories)
    return FinetuneData(found.train, found.validation, found.calibration, listings)


@pytest.mark.slow
@of([*FAMILIES])
def test_mode_head_folds_into_the_model_or_is_refused_in_words(
    data: FinetuneData, folder: Path, tmp_path: Path, folders: dict[str, Path]
) -> None:
    settings = FinetuneSettings(
        mode="head", epochs=2, device="cpu", precision="fp32", learning_rate=0.01
    )
    if not FAMILIES[name_of(folder, folders)].has_head:
        with pytest.raises(ModelError, match=r"tower of .* does not end in a linear projection"):
            finetune(folder, data, tmp_path, settings=settings)
        return
    finetune(folder, data, tmp_path, settings=settings)
    final = tmp_path / "final_model"
    before, after = (checkpoint.load_model(one).state_dict() for one in (folder, final))
    changed = {name for name, weight in before.items() if not weight.equal(after[name])}
    assert changed == {*families.of(folder).projections.values()}
    assert np.isfinite(load(final).encode_texts(TEXTS)).all()


@pytest.mark.slow
@of([name for name in FAMILIES if not name.startswith("clip") and name != "siglip"])
@pytest.mark.parametrize("mode", ["last", "full", "adapt"])
def test_the_towers_learn(data: FinetuneData, folder: Path, tmp_path: Path, mode: str) -> None:
    settings = FinetuneSettings(
        mode=mode, epochs=1, batch_size=32, device="cpu", precision="fp32", learning_rate=1e-3
    )
    finetune(folder, data, tmp_path, settings=settings)
    final = tmp_path / "final_model"
    before, after = (checkpoint.load_model(one) for one in (folder, final))
    family, weights = families.of(folder), after.state_dict()
    changed = {
        name for name, weight in before.named_parameters() if not weight.equal(weights[name])
    }
    for tower in family.last_layers(before.config):
        assert any(name.startswith(tower) for name in changed), tower
    if mode != "adapt":
        expected = {
            name
            for name, _weight in before.named_parameters()
            if family.learns(name, before.config, mode=mode)
        }
        assert changed == expected
    assert np.isfinite(load(final).encode_texts(TEXTS)).all()
