"""The model that ships: small, whole, described, and as good as its card says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip import families
from moderation.clip.statistics.calibration import PlattScaling
from moderation.clip.texts.tokens import Tokens

pytestmark = pytest.mark.slow

BUNDLED = Path(__file__).resolve().parents[3] / "moderation" / "clip" / "bundled"


@pytest.fixture(scope="module")
def clipmod() -> dict:
    return json.loads((BUNDLED / "clipmod.json").read_text(encoding="utf-8"))


def test_the_folder_stays_under_ten_megabytes_and_holds_no_pickle() -> None:
    files = [path for path in BUNDLED.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) <= 10_000_000
    assert not [path.name for path in files if path.suffix in (".bin", ".pt", ".pth", ".pkl")]


def test_its_tokenizer_knows_every_byte_and_is_what_stock_transformers_reads() -> None:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import AutoTokenizer, CLIPImageProcessor

    family = families.of(BUNDLED)
    tokenizer, config = family.load_tokenizer(BUNDLED), family.load_config(BUNDLED)
    pieces = tokenizer.get_vocab()
    for byte in ByteLevel.alphabet():
        assert byte in pieces and f"{byte}</w>" in pieces
    size = CLIPImageProcessor.from_pretrained(BUNDLED).size
    assert (size["height"], size["width"]) == (family.image_size(config),) * 2
    text = "Nike Men's Navy-Blue T-shirt | \u20ac 5"
    tokens = AutoTokenizer.from_pretrained(BUNDLED)(text)["input_ids"]
    assert tokens == tokenizer.encode(text).ids
    assert tokens[-1] == config.text_config.eos_token_id


def test_its_card_says_what_a_user_must_know() -> None:
    card = (BUNDLED / "MODEL_CARD.md").read_text(encoding="utf-8").lower()

    subjects = ("licence", "cc0", "mit", "not verified", "apache", "imagenet", "limits", "roc-auc")
    for subject in (*subjects, "val_pairs"):
        assert subject in card, f"the card says nothing of {subject}"


def test_it_says_which_languages_it_reads(clipmod: dict) -> None:
    assert clipmod["languages"] == ["en"]


def test_its_calibration_is_sane(clipmod: dict) -> None:
    platt = PlattScaling(**clipmod["platt"])

    assert platt.a < 0
    assert -1 < clipmod["threshold"] < 1
    assert platt.p_mismatch(clipmod["threshold"]) < platt.p_mismatch(clipmod["threshold"] - 0.3)
    assert {"overall", "by_kind", "by_source"} <= set(clipmod["metrics"]["val_pairs"])
    assert clipmod["trained"]["rows"]


def test_it_tells_drawn_products_apart() -> None:
    from moderation.clip.statistics.metrics import roc_auc
    from moderation.demo import demo_products

    products = demo_products(60, seed=11)
    images = [product.image(96) for product in products]
    wrong = products[30:] + products[:30]
    scores = np.concatenate(
        [
            _similarities(images, [product.text for product in products]),
            _similarities(images, [product.text for product in wrong]),
        ]
    )

    assert roc_auc([1] * 60 + [0] * 60, scores) > 0.9


@pytest.mark.catalogue
def test_its_figures_on_real_photos_are_those_it_ships_with(
    catalogue: Path, clipmod: dict, report_figures: Callable[[str], None]
) -> None:
    from moderation.clip.data.catalogue_csv import read_table
    from moderation.clip.pretrain.output import in_words, measure, similarities
    from moderation.clip.pretrain.read import read_pairs

    model, tokens = _loaded()
    sources = {row["image_path"]: row["source"] for row in read_table(catalogue / "val.csv")}
    pairs = read_pairs(
        catalogue / "val_pairs.csv",
        folder=catalogue,
        sources=sources,
        side=model.config.image_size,
    )
    found = measure(pairs, similarities(model, tokens, pairs))

    report_figures(f"bundled model on val_pairs.csv, ROC-AUC: {in_words(found)}")
    said = clipmod["metrics"]["val_pairs"]
    for part in ("by_kind", "by_source"):
        for name, figure in said[part].items():
            assert found[part][name]["auc"] == pytest.approx(figure["auc"], abs=0.003)
    assert found["overall"]["auc"] == pytest.approx(said["overall"]["auc"], abs=0.003)
    assert found["overall"]["matches"] == said["overall"]["matches"]


def _similarities(images: list, texts: list[str]) -> np.ndarray:
    from moderation.clip.data.product_rows import Pairs, squashed
    from moderation.clip.pretrain.output import similarities

    model, tokens = _loaded()
    side = model.config.image_size
    count = len(texts)
    pairs = Pairs(
        pixels=np.stack([squashed(image, side) for image in images]),
        image=np.arange(count),
        texts=texts,
        labels=np.ones(count, dtype=int),
        kinds=np.array(["match"] * count),
        sources=np.array(["drawn"] * count),
    )
    return similarities(model, tokens, pairs)


def _loaded() -> tuple[Any, Tokens]:
    family = families.of(BUNDLED)
    model = family.load_model(BUNDLED)
    most = family.text_length(model.config)
    return model, Tokens(family.load_tokenizer(BUNDLED), most=most)
