"""The recipe of the bundled model, small: what it learns from, its losses, and a tiny run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip.augment import colours_in, readable, swap_colour, vary_text
from moderation.clip.errors import ModelError
from moderation.clip.negatives import Negatives, Prompts, colour_bits, head_noun, held_out_pairs
from moderation.clip.pretrain_data import (
    CatalogueError,
    Rows,
    difference_hash,
    families,
    split_by_family,
    without_families_of,
)
from moderation.clip.pretrain_model import PretrainSettings
from moderation.clip.pretrain_prepare import PretrainData, prepare
from moderation.demo import training_products

TINY = PretrainSettings(
    steps=4,
    batch_size=16,
    held_out=0.2,
    stored_side=24,
    image_size=16,
    patch_size=8,
    vision_width=32,
    vision_layers=2,
    vision_heads=2,
    text_width=32,
    text_layers=1,
    projection=16,
    vocabulary=600,
    max_tokens=32,
)


def _rows(texts: list[str], categories: list[str], *, source: str = "shop") -> Rows:
    rng = np.random.default_rng(len(texts))
    return Rows(
        texts=texts,
        categories=categories,
        sources=[source] * len(texts),
        pixels=rng.integers(0, 255, (len(texts), 16, 16, 3), dtype=np.uint8),
        hashes=np.arange(len(texts), dtype=np.uint64),
    )


@pytest.fixture(scope="module")
def drawn_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 120 drawn products with their pictures beside it."""
    folder = tmp_path_factory.mktemp("catalogue")
    lines = ["product_id,image_path,text,category"]
    for product in training_products(120, seed=3):
        product.image(32).convert("RGB").save(folder / f"{product.product_id}.jpg")
        lines.append(
            f'{product.product_id},{product.product_id}.jpg,"{product.text}",{product.category}'
        )
    csv = folder / "catalogue.csv"
    csv.write_text("\n".join(lines), encoding="utf-8")
    return csv


@pytest.fixture(scope="module")
def data(drawn_csv: Path) -> PretrainData:
    return prepare(drawn_csv, settings=TINY)


# What is said of a photo


def test_colour_words_are_found_whole() -> None:
    assert colours_in("Arrow Men Navy Blue Shirt") == {"navy blue"}
    assert colours_in("Red and off white credible tank top") == {"red", "off white"}
    assert colours_in("Inkfruit Mens Chain Reaction T-shirt") == frozenset()


def test_swapping_changes_the_colour_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    colours = ["blue", "navy blue", "red", "green"]

    found = {swap_colour("Arrow Men Navy Blue Shirt", colours=colours, rng=rng) for _ in range(30)}

    # "blue" shares a word with "navy blue", so a photo might show both: never swapped in.
    assert found == {"Arrow Men Red Shirt", "Arrow Men Green Shirt"}
    assert swap_colour("Plain shirt", colours=colours, rng=rng) is None


def test_a_varied_text_is_still_true() -> None:
    rng = np.random.default_rng(0)
    for _turn in range(200):
        text = vary_text(
            "Nike Men Lunar Glide Black Sports Shoes", category="Sports Shoes", rng=rng
        )
        assert "shoes" in text.lower()
        assert colours_in(text) <= {"black"}


def test_categories_become_words() -> None:
    assert readable("Arla-Sour-Cream") == "arla sour cream"
    assert readable("T-Shirt") == "t-shirt"
    assert head_noun("Casual Shoes") == head_noun("Shoe") == "shoe"
    assert head_noun("T-Shirt") == head_noun("Tshirts") == "tshirt"


# Mismatches


def test_a_pair_that_may_be_true_never_counts_as_a_mismatch() -> None:
    rows = _rows(["Red shirt", "Blue shirt", "Plain shirt", "Red mug"], ["Shirts"] * 3 + ["Mugs"])
    negatives = Negatives(rows)
    bits = np.array([colour_bits(text) for text in rows.texts])

    maybe = negatives.maybe_true(negatives.kind, bits, negatives.kind, bits)

    expected = np.eye(4, dtype=bool)
    expected[2, :3] = expected[:3, 2] = True  # no colour named: it may be any of the shirts
    np.testing.assert_array_equal(maybe, expected)


def test_the_same_noun_of_another_source_may_be_true() -> None:
    shop = _rows(["Red tshirt"], ["Tshirts"])
    other = _rows(["A photo of t-shirt"], ["T-Shirt"], source="other")
    rows = replace(
        shop,
        texts=shop.texts + other.texts,
        categories=shop.categories + other.categories,
        sources=shop.sources + other.sources,
        pixels=np.concatenate([shop.pixels, other.pixels]),
    )
    negatives = Negatives(rows)
    bits = np.array([colour_bits(text) for text in rows.texts])

    assert negatives.maybe_true(negatives.kind, bits, negatives.kind, bits).all()
    assert Prompts(negatives).true.all()


def test_made_mismatches_differ_in_colour_or_category(data: PretrainData) -> None:
    negatives = Negatives(data.train)
    rng = np.random.default_rng(0)
    for row in range(len(data.train)):
        text, kind = negatives.mismatch(row, rng=rng)
        if kind == negatives.kind[row]:
            assert (
                not colour_bits(text) & colour_bits(data.train.texts[row])
                or len(colours_in(data.train.texts[row])) > 1
            )
        else:
            assert text not in ("", data.train.texts[row])


def test_held_out_pairs_are_balanced_and_of_all_kinds(data: PretrainData) -> None:
    pairs = held_out_pairs(Negatives(data.train), seed=0)

    assert sum(label for _row, _text, label, _kind in pairs) == len(pairs) / 2
    assert {kind for _row, _text, _label, kind in pairs} == {
        "match",
        "random",
        "hard",
        "attribute",
    }


# Families


def test_rows_that_share_a_title_or_a_picture_are_one_family() -> None:
    rows = _rows(["One", "Two", "Two!", "Three", "Four"], ["A"] * 5)
    rows.hashes[3] = rows.hashes[2]

    names = families(rows)

    assert names[1] == names[2] == names[3]
    assert len({names[0], names[1], names[4]}) == 3


def test_a_repeated_caption_is_no_family() -> None:
    rows = _rows(["Jacket laid flat"] * 10 + ["Hat"] * 10, ["A"] * 20)

    assert len(set(families(rows))) == 20


def test_no_family_stands_on_both_sides_of_the_split() -> None:
    texts = [f"Title {i // 2}" for i in range(200)] + [f"Own {i}" for i in range(200)]
    rows = _rows(texts, ["A"] * len(texts))

    train, held_out = split_by_family(rows, share=0.2)

    assert 40 < len(held_out) < 120
    assert not {texts[i] for i in train} & {texts[i] for i in held_out}


def test_families_that_are_measured_on_are_left_out_of_training() -> None:
    rows = _rows(["Red shirt", "Blue shirt", "Green mug", "White cap"], list("ABCD"))
    val = _rows(["red  SHIRT"], ["A"])
    val.hashes[0] = rows.hashes[2]

    assert without_families_of(rows, val).texts == ["Blue shirt", "White cap"]


def test_a_recompressed_picture_keeps_its_hash(tmp_path: Path) -> None:
    image = training_products(1, seed=1)[0].image(96).convert("RGB")
    image.save(tmp_path / "low.jpg", quality=60)

    low = Image.open(tmp_path / "low.jpg")
    assert (difference_hash(image) ^ difference_hash(low)).bit_count() <= 4


# Losses


def test_losses_fall_when_pictures_and_texts_agree() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.losses import contrastive_loss, pair_loss

    scale, bias = torch.tensor(10.0), torch.tensor(-5.0)
    image = torch.eye(4)
    right = torch.cat([torch.eye(4), -torch.eye(4)])  # own text, then the opposite
    wrong = right.roll(1, dims=0)
    ignored = torch.zeros(4, 8, dtype=torch.bool)

    for loss in (
        lambda text: contrastive_loss(image, text, scale=scale, ignored=ignored),
        lambda text: pair_loss(image, text, scale=scale, bias=bias, ignored=ignored),
    ):
        assert loss(right) < 0.1 < 1.0 < loss(wrong)


def test_an_ignored_pair_has_no_say() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.losses import contrastive_loss, pair_loss

    image = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    text = torch.nn.functional.normalize(torch.randn(6, 8), dim=1).requires_grad_()
    ignored = torch.zeros(3, 6, dtype=torch.bool)
    ignored[:, 5] = True  # a text that may be true of every picture
    scale, bias = torch.tensor(10.0), torch.tensor(-5.0)

    loss = contrastive_loss(image, text, scale=scale, ignored=ignored) + pair_loss(
        image, text, scale=scale, bias=bias, ignored=ignored
    )
    loss.backward()

    assert torch.isfinite(loss)
    assert text.grad[5].abs().max() == 0 < text.grad[4].abs().max()


def test_prompt_loss_counts_any_true_prompt_and_skips_unknown_rows() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.losses import prompt_loss

    image, prompts = torch.eye(3), torch.eye(3)
    scale = torch.tensor(20.0)
    own = torch.eye(3, dtype=torch.bool)
    none = torch.zeros(3, 3, dtype=torch.bool)

    assert prompt_loss(image, prompts, scale=scale, positive=own) < 1e-6
    assert prompt_loss(image, prompts, scale=scale, positive=~own) > 10
    assert prompt_loss(image, prompts, scale=scale, positive=none) == 0


# A tiny run


@pytest.fixture(scope="module")
def trained(data: PretrainData, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A folder that held an older model and a card by hand, after a tiny run; and what it says."""
    from moderation.clip.pretrain import pretrain

    folder = tmp_path_factory.mktemp("models") / "small"
    folder.mkdir()
    (folder / "MODEL_CARD.md").write_text("By hand.", encoding="utf-8")
    (folder / "old.bin").write_text("x", encoding="utf-8")
    return folder, pretrain(data, folder, settings=TINY, device="cpu")


def test_a_run_leaves_a_folder_that_stock_transformers_loads(trained: tuple[Path, dict]) -> None:
    from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel

    folder, _clipmod = trained

    model, report = CLIPModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokens = AutoTokenizer.from_pretrained(folder)(["red shirt"], return_tensors="pt")
    assert tokens["input_ids"][0, 0] == 0 and tokens["input_ids"][0, -1] == 1
    processor = CLIPImageProcessor.from_pretrained(folder)
    pixels = processor(Image.new("RGB", (30, 40), "red"), return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 16, 16)
    scores = model.float()(
        pixel_values=pixels,
        input_ids=tokens["input_ids"],
        attention_mask=tokens["attention_mask"],
    ).logits_per_image
    assert scores.shape == (1, 1)


def test_a_run_says_how_it_was_made_and_what_it_is_worth(trained: tuple[Path, dict]) -> None:
    folder, clipmod = trained

    written = json.loads((folder / "clipmod.json").read_text(encoding="utf-8"))
    assert written == clipmod
    assert {"name", "threshold", "platt", "metrics", "trained"} <= set(written)
    assert written["trained"]["steps"] == TINY.steps
    assert 0 <= written["metrics"]["held_out_of_training"]["overall"]["auc"] <= 1


def test_a_run_replaces_the_folder_whole_but_keeps_its_card(trained: tuple[Path, dict]) -> None:
    folder, _clipmod = trained

    assert (folder / "MODEL_CARD.md").read_text(encoding="utf-8") == "By hand."
    assert not (folder / "old.bin").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["small"]  # nothing half-written


def test_one_seed_gives_the_same_weights_and_another_gives_others(data: PretrainData) -> None:
    import torch

    from moderation.clip.pretrain_loop import Trainer, run

    def weights(seed: int) -> torch.Tensor:
        settings = replace(TINY, steps=2, seed=seed)
        trainer = Trainer(data.train, settings, device="cpu", bf16=False)
        run(trainer, each_step=lambda _trainer, _loss: None)
        return torch.cat([value.flatten() for value in trainer.average.state_dict().values()])

    one, again, other = weights(5), weights(5), weights(6)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_tokenizer_is_the_same_every_time() -> None:
    from moderation.clip.tokenizer import train_tokenizer

    texts = [product.text for product in training_products(100, seed=1)]
    one, two = (train_tokenizer(texts, vocabulary=700, max_tokens=16) for _turn in range(2))

    assert one.get_vocab() == two.get_vocab()
    assert one(texts)["input_ids"] == two(texts)["input_ids"]
    long = one(["red " * 50], truncation=True)["input_ids"][0]
    assert len(long) == 16 and (long[0], long[-1]) == (0, 1)


def test_training_lowers_the_loss(data: PretrainData) -> None:
    from moderation.clip.pretrain_loop import Trainer, run

    losses: list[float] = []
    trainer = Trainer(data.train, replace(TINY, steps=40), device="cpu", bf16=False)
    run(trainer, each_step=lambda _trainer, loss: losses.append(loss))

    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_a_run_that_was_cut_off_goes_on(data: PretrainData, tmp_path: Path) -> None:
    import torch

    from moderation.clip.pretrain_loop import Trainer, run

    cut, state = replace(TINY, steps=3), tmp_path / "state.pt"
    first = Trainer(data.train, cut, device="cpu", bf16=False)
    run(first, each_step=lambda _trainer, _loss: None)
    first.save(state)
    second = Trainer(data.train, replace(TINY, steps=5), device="cpu", bf16=False)
    second.load(state)
    for name, value in second.model.state_dict().items():
        assert torch.equal(value, first.model.state_dict()[name])
    run(second, each_step=lambda _trainer, _loss: None)

    assert second.step == 5
    with pytest.raises(ModelError, match="--resume"):
        Trainer(data.train, replace(TINY, text_width=16, steps=5), device="cpu", bf16=False).load(
            state
        )
    with pytest.raises(ModelError, match="--resume"):
        second.load(tmp_path / "none.pt")


# What people can do wrong


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    csv = tmp_path / "bad.csv"
    csv.write_text("image_path,title\na.jpg,A\n", encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"bad\.csv has no column text, category"):
        prepare(csv, settings=TINY)


def test_a_wrong_folder_is_explained(drawn_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="--image-base-path"):
        prepare(drawn_csv, settings=TINY, folder=tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no file .*none\.csv"):
        prepare(tmp_path / "none.csv", settings=TINY)


def test_pairs_without_their_products_are_refused(drawn_csv: Path) -> None:
    with pytest.raises(CatalogueError, match="--val-csv"):
        prepare(drawn_csv, settings=TINY, val_pairs=drawn_csv)


def test_too_few_rows_are_refused(drawn_csv: Path, tmp_path: Path) -> None:
    few = drawn_csv.with_name("few.csv")
    few.write_text("\n".join(drawn_csv.read_text(encoding="utf-8").splitlines()[:8]), "utf-8")

    with pytest.raises(CatalogueError, match="too few"):
        prepare(few, settings=TINY)
