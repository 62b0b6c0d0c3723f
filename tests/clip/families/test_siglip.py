"""SigLIP's vectors are the stock model's; no text is cut; what it cannot do is said."""

from __future__ import annotations

import json
import re
import shutil
import string
from pathlib import Path

import numpy as np
import pytest

from moderation.clip import families
from moderation.clip.analyzer import CLIPAnalyzer
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.finetune import auto
from moderation.clip.finetune import settings as finetune_settings
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.run import finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.texts.tokens import Tokens
from tests.support.clip_models import photo
from tests.support.family_models import build
from tests.support.finetune_shop import write_shop
from tests.support.siglip_model import DIM, EDGE, LENGTH, build_siglip
from tests.support.stock_vectors import stock_texts

TEXTS = [
    "a red mug", "(Blue), CERAMIC teapot with lid!", "rote Tasse", "赤いマグカップ", "mug",
    "красная кружка", "كوب أحمر", "...", "photo of a shoe",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_siglip(tmp_path_factory.mktemp("models") / "siglip")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load(folder)


def load(folder: Path) -> Encoder:
    """An encoder that reads texts as they are, as the stock model does."""
    return Encoder.load(folder, device="cpu", precision="fp32", batch_size=4, read=str)


def canonical(text: str) -> str:
    """What the stock `SiglipTokenizer` makes of a text before it splits it."""
    bare = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", bare).strip()


def padded_texts(folder: Path, texts: list[str], *, pad: str = "</s>") -> np.ndarray:
    """Unit vectors of texts, in one batch, by transformers alone; these have no changes to come."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"), model_input_names=["input_ids"]
    )
    tokenizer.pad_token = pad
    length = families.of(folder).read_text_length(folder)
    return stock_texts(
        folder, texts, tokenizer=tokenizer, padding="max_length", max_length=length, truncation=True
    )


def test_texts_have_the_vectors_of_the_stock_model(encoder: Encoder, folder: Path) -> None:
    expected = padded_texts(folder, [canonical(text) for text in TEXTS])
    assert load(folder).dim == DIM
    assert len({tuple(row.round(4)) for row in expected}) == len(TEXTS)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), expected, atol=1e-5)
    for text, vector in zip(TEXTS, expected, strict=True):
        np.testing.assert_allclose(encoder.encode_texts([text])[0], vector, atol=1e-5)


def test_a_text_is_padded_as_its_tokenizer_says(tmp_path: Path) -> None:
    """SigLIP 2 has another padding token than end token, and keeps punctuation."""
    folder = build_siglip(tmp_path / "two", pad="<pad>", tokenizer_class="GemmaTokenizer")
    texts = ["a red mug", "Photo of a shoe, size 42"]
    expected = padded_texts(folder, [text.lower() for text in texts], pad="<pad>")
    np.testing.assert_allclose(load(folder).encode_texts(texts), expected, atol=1e-5)
    assert np.abs(expected - padded_texts(folder, [text.lower() for text in texts])).max() > 0.01

    said = {"tokenizer_class": "GemmaTokenizer", "pad_token": {"content": "<none>"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match=r"tokenizer\.json lacks the padding token <none>"):
        load(folder)


def test_texts_of_naflex_are_lowered_though_nothing_says_so(tmp_path: Path) -> None:
    folder = build("siglip2", tmp_path / "naflex")
    said = json.loads((folder / "tokenizer_config.json").read_text())
    del said["do_lower_case"]
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    texts = ["a red mug", "Photo of a SHOE, size 42"]
    expected = padded_texts(folder, [text.lower() for text in texts], pad="<pad>")
    np.testing.assert_allclose(load(folder).encode_texts(texts), expected, atol=1e-5)
    np.testing.assert_allclose(load(folder).encode_texts(texts[1:]), expected[1:], atol=1e-5)


@pytest.mark.parametrize("sign", ["</s>", "<pad>", "<unk>", "▁</s>▁", "\u2603", "\U0001f600", "\0"])
def test_no_sign_in_a_text_ends_it(folder: Path, sign: str) -> None:
    tokens = Tokens(checkpoint.load_tokenizer(folder), most=LENGTH)
    one, other = tokens.rows([f"red {sign} mug", f"red {sign} shoe"])
    assert one != other
    assert one.count(1) == other.count(1) == 1
    assert one[-1] == other[-1] == 1


def test_a_long_text_is_read_in_parts_and_keeps_its_end(encoder: Encoder, folder: Path) -> None:
    long = "a red mug. " + "photo of a shoe " * 12
    assert encoder.parts(long)[0] == "a red mug"
    np.testing.assert_allclose(
        encoder.encode_texts([long]), encoder.encode_texts(["a red mug"]), atol=1e-6
    )
    length = families.of(folder).read_text_length(folder)
    assert length == LENGTH
    config = json.loads((folder / "config.json").read_text())
    del config["text_config"]["max_position_embeddings"]  # as on the hub
    sparse = folder.with_name("sparse")
    sparse.mkdir()
    (sparse / "config.json").write_text(json.dumps(config))
    assert families.of(sparse).read_text_length(sparse) == 64


def test_a_tokenizer_without_an_end_token_is_refused(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    tokenizer = json.loads((broken / "tokenizer.json").read_text())
    tokenizer["post_processor"] = None
    (broken / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ModelError, match="adds no end token to a text"):
        load(broken)


def test_the_threshold_is_where_the_model_itself_gives_one_percent(folder: Path) -> None:
    threshold = checkpoint.threshold(folder)
    assert threshold == pytest.approx(0.071, abs=1e-3)
    assert 1 / (1 + np.exp(12.93 - 117.33 * threshold)) == pytest.approx(0.01, abs=1e-4)
    assert CLIPAnalyzer(folder, "cpu").threshold == threshold


def test_a_version_has_this_threshold_and_no_language(db: None, folder: Path) -> None:
    from moderation.services.registry import registering

    version = registering.register(str(folder))
    assert (version.threshold, version.languages) == (checkpoint.threshold(folder), [])


def test_a_version_of_the_hub_has_it_from_when_its_files_are_here(db: None, folder: Path) -> None:
    from moderation.clip.scoring import DEFAULT_THRESHOLD
    from moderation.services.registry import files, registering

    name = "google/siglip-base-patch16-256-multilingual"
    version = registering.register(name)
    assert (version.threshold, version.languages) == (DEFAULT_THRESHOLD, [])
    files.record(version, checkpoint.ResolvedModel(folder, name, "a" * 40))
    version.refresh_from_db()
    assert version.threshold == checkpoint.threshold(folder)
    assert registering.register("google/siglip-base-patch16-256").languages == ["en"]


def test_nothing_is_explained_that_random_weights_cannot_know(db: None, folder: Path) -> None:
    from moderation.clip.explanation.explain import EncodedListing, Explainer
    from moderation.services.encoding import margins

    encoder = load(folder)
    found = margins.on_drawn_products(encoder)
    explainer = Explainer(encoder.encode_texts, logit_scale=encoder.logit_scale, margins=found)
    [image], [text] = encoder.encode_images([photo(1)]), encoder.encode_texts(["a red mug"])
    [explained] = explainer.explain([EncodedListing(image, text, "a red mug", 0.071)])
    assert explained.suggestion is None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FinetuneData:
    shop = write_shop(tmp_path_factory.mktemp("shop"), count=160, size=EDGE)
    found = read_csvs(shop, None, shop.parent)
    right = found.train.take(np.flatnonzero(found.train.labels == 1))
    listings = Listings(right.images, right.texts, right.categories)
    return FinetuneData(found.train, found.validation, found.calibration, listings)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["last", "full", "adapt"])
def test_the_towers_learn(data: FinetuneData, folder: Path, tmp_path: Path, mode: str) -> None:
    settings = FinetuneSettings(
        mode=mode, epochs=1, batch_size=32, device="cpu", precision="fp32", learning_rate=1e-3
    )
    finetune(folder, data, tmp_path, settings=settings)
    final = tmp_path / "final_model"
    before, after = (checkpoint.load_model(one).state_dict() for one in (folder, final))
    changed = {name for name, weight in before.items() if not weight.equal(after[name])}
    last = families.of(folder).last_layers(checkpoint.load_model(folder).config)
    assert {"vision_model.head.probe", "text_model.head.weight"} <= changed
    assert mode == "adapt" or not changed & {"logit_scale", "logit_bias"}
    assert mode != "last" or all(name.startswith(last) for name in changed)
    assert np.isfinite(load(final).encode_texts(TEXTS)).all()


@pytest.mark.slow
def test_mode_head_is_refused_in_words(data: FinetuneData, folder: Path, tmp_path: Path) -> None:
    settings = FinetuneSettings(mode="head", device="cpu", precision="fp32")
    with pytest.raises(ModelError, match="image tower of siglip does not end in a linear"):
        finetune(folder, data, tmp_path, settings=settings)


@pytest.mark.slow
def test_what_needs_a_projection_is_not_chosen(
    data: FinetuneData, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert auto.by_decisions(data, model=folder, device="cpu").mode == "full"
    monkeypatch.setattr(finetune_settings, "SMALL", 0)
    monkeypatch.setattr(auto, "MIN_LISTINGS", 1)
    plan = auto.plan(data, model=folder, device="cpu")
    assert plan.mode == "calibrate"
    assert "do not both end in a linear projection" in plan.reasons[-1]
