"""What the bundled model learns from: true texts, made mismatches, and families kept apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip.data.augment import colours_in, readable, swap_colour, vary_text
from moderation.clip.data.held_out import held_out_pairs
from moderation.clip.data.negatives import (
    Negatives,
    Prompts,
    colour_bits,
    head_noun,
)
from moderation.clip.data.product_rows import (
    Rows,
    batches,
    difference_hash,
    families,
    split_by_family,
    without_families_of,
)
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.pretrain.read import drawn_rows
from moderation.clip.pretrain.task import source_shares
from moderation.demo import training_products


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
def drawn() -> Rows:
    return drawn_rows(training_products(90, seed=3), side=24, progress=lambda items, _what: items)


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


def test_made_mismatches_differ_in_colour_or_category(drawn: Rows) -> None:
    negatives = Negatives(drawn)
    rng = np.random.default_rng(0)
    for row in range(len(drawn)):
        text, kind = negatives.mismatch(row, rng=rng)
        if kind == negatives.kind[row]:
            assert (
                not colour_bits(text) & colour_bits(drawn.texts[row])
                or len(colours_in(drawn.texts[row])) > 1
            )
        else:
            assert text not in ("", drawn.texts[row])


def test_held_out_pairs_are_balanced_and_of_all_kinds(drawn: Rows) -> None:
    pairs = held_out_pairs(Negatives(drawn), seed=0)

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


def test_small_sources_come_up_more_often_than_their_size() -> None:
    sources = np.array(["large"] * 900 + ["small"] * 100)
    shares = source_shares(list(sources), replace(PretrainSettings(), source_power=0.5))

    stream = batches(sources, size=50, shares=shares, rng=np.random.default_rng(0))
    seen = [next(stream) for _batch in range(8)]

    counts = [int((sources[batch] == "small").sum()) for batch in seen]
    assert counts == [12] * 8 or counts == [13] * 8  # 100 ** 0.5 of 30 + 10
    small = np.concatenate([batch[sources[batch] == "small"] for batch in seen])
    assert len(set(small[:96])) == 96  # every row once before any comes back


def test_drawn_products_have_the_part_of_a_batch_that_the_settings_say() -> None:
    sources = ["shop"] * 60 + ["drawn"] * 900
    settings = replace(PretrainSettings(), drawn_share=0.2)

    shares = source_shares(sources, settings)

    assert shares["drawn"] / sum(shares.values()) == pytest.approx(0.2)
    assert source_shares(["drawn"] * 9, settings) == {"drawn": 1.0}
