"""What belongs together: the same photo, one sent again, the same title; and what does not."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from moderation.clip.data import grouping, partition
from moderation.demo import draw


def groups(
    photos: Sequence[Image.Image], titles: Sequence[str] | None = None, *, names: str = ""
) -> list[int]:
    return grouping.groups(
        images=list(names) or [str(number) for number in range(len(photos))],
        signatures=np.stack([grouping.signature(photo) for photo in photos]),
        titles=titles or [""] * len(photos),
    )


def again(photo: Image.Image, *, quality: int = 60, scale: float = 1.0) -> Image.Image:
    """The photo as it comes back from another shop: smaller, and compressed once more."""
    buffer = BytesIO()
    size = (round(photo.width * scale), round(photo.height * scale))
    photo.resize(size).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(photo: Image.Image) -> Image.Image:
    edge = round(photo.width * 0.01)
    return photo.crop((edge, edge, photo.width - edge, photo.height - edge))


@pytest.fixture(scope="module")
def mugs() -> list[Image.Image]:
    return [draw("mug", colour=colour, seed=3) for colour in ("red", "blue", "green")]


def test_the_same_bytes_are_one_group(mugs: list[Image.Image]) -> None:
    assert groups([mugs[0], mugs[1], mugs[0]], names="aba") == [0, 1, 0]


def test_a_photo_made_smaller_compressed_or_cropped_a_little_is_the_same(
    mugs: list[Image.Image],
) -> None:
    red = mugs[0]
    sent_again = [
        again(red),
        again(red, scale=0.5),
        again(red, scale=2.0),
        cropped(red),
        ImageEnhance.Brightness(red).enhance(0.95),
    ]
    assert groups([red, *sent_again, mugs[1]]) == [0, 0, 0, 0, 0, 0, 6]


def test_another_colour_or_another_thing_on_white_is_another_group(
    mugs: list[Image.Image],
) -> None:
    shirt = draw("shirt", colour="red", seed=3)
    assert groups([*mugs, shirt]) == [0, 1, 2, 3]


def test_flat_photos_are_alike_only_with_the_same_bytes() -> None:
    white, almost = Image.new("RGB", (80, 80), "white"), Image.new("RGB", (80, 80), "#fefefe")
    assert groups([white, almost, white], names="aba") == [0, 1, 0]
    assert groups([white]) == [0]


def test_titles_link_whatever_their_case_and_signs(mugs: list[Image.Image]) -> None:
    assert groups(mugs, ["Red Mug, 0.3 l", "mug", "red mug  0 3 L!"]) == [0, 1, 0]
    assert groups(mugs, ["", "", "!"]) == [0, 1, 2]


def test_links_lead_on_through_other_rows(mugs: list[Image.Image]) -> None:
    photos = [mugs[0], again(mugs[0]), mugs[1]]
    assert groups(photos, ["one", "two", "Two"]) == [0, 0, 0]


def test_a_title_that_many_photos_share_is_a_caption_and_links_nothing() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (grouping.PHOTOS_PER_TITLE + 1, 768), dtype=np.uint8)

    def found(count: int) -> int:
        names = [str(number) for number in range(count)]
        titles = ["Jacket laid flat"] * count
        return len(set(grouping.groups(images=names, signatures=noise[:count], titles=titles)))

    assert found(grouping.PHOTOS_PER_TITLE) == 1
    assert found(grouping.PHOTOS_PER_TITLE + 1) == grouping.PHOTOS_PER_TITLE + 1


def test_the_search_finds_exactly_the_pairs_that_correlate() -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(0, 256, (40, 768))
    near = base[rng.integers(0, 40, 700)] + rng.normal(0, rng.uniform(2, 16, (700, 1)), (700, 768))
    pixels = np.clip(near, 0, 255).astype(np.uint8)
    found = grouping.groups(
        images=[str(n) for n in range(700)], signatures=pixels, titles=[""] * 700
    )
    alike = np.corrcoef(pixels) >= grouping.ALIKE
    slow = list(range(700))
    for one, two in zip(*np.nonzero(alike), strict=True):
        low, high = sorted((slow[one], slow[two]))
        slow = [low if group == high else group for group in slow]
    assert found == slow
    assert 40 < len(set(found)) < 700


@pytest.mark.catalogue
def test_real_photos_do_not_melt_into_one_group(catalogue: Path) -> None:
    """1,647 photos of three shops: hardly any two different products look the same to it."""
    with (catalogue / "val.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    photos = [catalogue / row["image_path"] for row in rows]
    found = grouping.groups(
        images=[hashlib.sha256(photo.read_bytes()).hexdigest() for photo in photos],
        signatures=np.stack([grouping.signature(Image.open(photo)) for photo in photos]),
        titles=[""] * len(rows),
    )
    sizes = np.bincount(found)
    assert sizes.max() <= 10
    across = sum(
        row["category"] != rows[first]["category"] for row, first in zip(rows, found, strict=True)
    )
    assert across < 0.01 * len(rows)


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────
def both_classes_everywhere(parts: dict[str, str], groups: dict[str, frozenset[int]]) -> bool:
    return all(
        any(parts[name] == part and label in labels for name, labels in groups.items())
        for part in partition.SHARES
        for label in (0, 1)
    )


def test_parts_have_their_shares_and_grow_without_moving() -> None:
    few = {f"g{n}": frozenset({int(n % 4 > 0)}) for n in range(2000)}
    more = few | {f"h{n}": frozenset({1}) for n in range(500)}
    parts, later = partition.parts_of(few), partition.parts_of(more)
    assert {name: later[name] for name in few} == parts
    for part, share in partition.SHARES.items():
        assert sum(found == part for found in parts.values()) / 2000 == pytest.approx(
            share, abs=0.03
        )
    assert partition.parts_of(few, seed=1) != parts


@pytest.mark.parametrize("seed", range(20))
def test_every_part_has_both_classes_as_soon_as_there_are_four_groups_of_each(seed: int) -> None:
    groups = {f"g{n}": frozenset({int(n < 4)}) for n in range(8)}
    assert both_classes_everywhere(partition.parts_of(groups, seed=seed), groups)


def test_what_has_its_part_already_is_not_moved() -> None:
    groups = {f"g{n}": frozenset({n % 2}) for n in range(6)}
    taken = dict.fromkeys(groups, "test")
    assert partition.parts_of(groups, taken=taken) == taken


@given(
    st.dictionaries(
        st.text(max_size=4), st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60
    ),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_halves_take_every_group_once(groups: dict[str, tuple[int, int]], share: float) -> None:
    first, second = partition.halves(groups, share=share)
    assert first | second == set(groups)
    assert not first & second


def test_halves_keep_the_share_of_each_label() -> None:
    groups = {f"g{n}": ((n % 10 == 0) * (1 + n % 3), n % 4) for n in range(500)}
    first, _ = partition.halves(groups, share=0.8)
    for label in (0, 1):
        rows = sum(found[label] for found in groups.values())
        assert sum(groups[name][label] for name in first) / rows == pytest.approx(0.8, abs=0.03)
