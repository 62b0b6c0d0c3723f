"""The drawn products: pictures, texts, families and the demo catalogue."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.demo import (
    COLOURS,
    KINDS,
    MISMATCHES,
    DrawnProduct,
    demo_products,
    describe,
    draw,
    held_out_families,
    held_out_products,
    training_families,
    training_products,
    write_catalogue,
)

pytestmark = pytest.mark.slow


def middle_colour(image: Image.Image) -> np.ndarray:
    """The mean colour of the middle of a picture, where the product is."""
    pixels = np.asarray(image, dtype=float)
    height, width, _ = pixels.shape
    return pixels[height // 3 : -height // 3, width // 3 : -width // 3].mean(axis=(0, 1))


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_drawn_in_every_colour_it_comes_in(kind: str) -> None:
    for colour in KINDS[kind].colours:
        image = draw(kind, colour=colour, seed=1, size=48)
        assert image.mode == "RGB"
        assert image.size in {(48, 48), (48, 60)}
        edge = np.asarray(image, dtype=float)[:4].mean(axis=(0, 1))
        # The product stands out from the paper.
        assert np.asarray(image, dtype=float).std(axis=(0, 1)).max() > 4
        assert edge.min() > 120


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_drawing_depends_on_its_arguments_alone(kind: str) -> None:
    colour = KINDS[kind].colours[0]
    first = draw(kind, colour=colour, seed=5, size=64)
    assert first.tobytes() == draw(kind, colour=colour, seed=5, size=64).tobytes()
    assert first.tobytes() != draw(kind, colour=colour, seed=6, size=64).tobytes()


@pytest.mark.parametrize("kind", ["t-shirt", "sneaker", "mug", "umbrella", "apple"])
def test_the_size_changes_the_resolution_and_not_the_product(kind: str) -> None:
    colour = KINDS[kind].colours[0]
    large = draw(kind, colour=colour, seed=3, size=384)
    small = draw(kind, colour=colour, seed=3, size=96)
    shrunk = large.resize(small.size, Image.Resampling.BOX)
    apart = np.abs(np.asarray(shrunk, dtype=float) - np.asarray(small, dtype=float))
    assert apart.mean() < 4


def test_the_named_colour_is_the_colour_one_sees() -> None:
    red, green, blue = middle_colour(draw("hoodie", colour="red", seed=1, size=96))
    assert red > 2 * green
    assert red > 2 * blue
    red, green, blue = middle_colour(draw("hoodie", colour="blue", seed=1, size=96))
    assert blue > 2 * red
    assert middle_colour(draw("hoodie", colour="black", seed=1, size=96)).max() < 90
    assert middle_colour(draw("hoodie", colour="white", seed=1, size=96)).min() > 170


def test_an_unknown_colour_is_refused_with_the_colours_there_are() -> None:
    with pytest.raises(ValueError, match="banana is not drawn in purple"):
        draw("banana", colour="purple", seed=0)


def test_one_family_in_ten_is_held_out_of_training() -> None:
    training, held = set(training_families()), set(held_out_families())
    assert not training & held
    assert {(p.kind, p.colour) for p in training_products(500, seed=1)} <= training
    assert 0.08 < len(held) / len(held | training) < 0.12


def test_training_demo_and_holdout_share_no_picture() -> None:
    def pictures(products: list[DrawnProduct]) -> set[tuple[str, str, int]]:
        return {(p.kind, p.colour, p.seed) for p in products}

    trained = pictures(training_products(4000, seed=0))
    shown = pictures(demo_products(2000, seed=0))
    held = pictures(held_out_products(1000, seed=1, families=training_families()))
    assert not trained & shown and not trained & held and not shown & held


def test_every_kind_is_trained_on_and_shown() -> None:
    assert {kind for kind, _ in training_families()} == set(KINDS)
    assert {p.kind for p in demo_products(len(KINDS), seed=3)} == set(KINDS)
    single = {kind.name for kind in KINDS.values() if len(kind.colours) == 1}
    assert not single & {kind for kind, _ in held_out_families()}


def test_all_colours_and_kinds_appear_in_a_training_set() -> None:
    products = training_products(600, seed=2)
    assert {p.kind for p in products} == set(KINDS)
    assert {p.colour for p in products} == set(COLOURS)
    assert len({p.product_id for p in products}) == 600
    assert products == training_products(600, seed=2)
    assert products != training_products(600, seed=3)


def test_texts_name_the_colour_and_fit_the_limit() -> None:
    for product in training_products(400, seed=4):
        assert 5 <= len(product.text) <= 500
        assert "  " not in product.text
        if product.kind != "orange":
            spoken = product.text.lower().replace("gray", "grey")
            assert product.colour in spoken


def test_texts_vary_with_the_seed() -> None:
    titles = {describe("mug", colour="blue", seed=seed) for seed in range(30)}
    assert len(titles) > 15


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder, count=40, mismatch_share=0.2, seed=7)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_catalogue_lists_every_picture(catalogue: Path) -> None:
    rows = rows_of(catalogue / "catalogue.csv")
    assert list(rows[0]) == ["product_id", "image_path", "text", "category", "seller"]
    assert len(rows) == 40
    for row in rows:
        with Image.open(catalogue / row["image_path"]) as image:
            assert image.format == "JPEG"
            assert image.width == 384


def test_planted_mismatches_are_listed_with_the_text_they_replaced(catalogue: Path) -> None:
    texts = {row["product_id"]: row["text"] for row in rows_of(catalogue / "catalogue.csv")}
    planted = rows_of(catalogue / "planted.csv")
    assert list(planted[0]) == ["product_id", "mismatch", "true_text"]
    assert len(planted) == 8
    assert {row["mismatch"] for row in planted} == set(MISMATCHES)
    honest = {p.product_id: p.text for p in demo_products(40, seed=7)}
    for row in planted:
        assert row["true_text"] == honest.pop(row["product_id"])
        assert row["true_text"] != texts[row["product_id"]]
    # Everything else kept its own text.
    assert all(texts[product_id] == text for product_id, text in honest.items())


def test_some_wrong_listings_are_copied_by_other_sellers(tmp_path: Path) -> None:
    planted = write_catalogue(tmp_path, count=40, mismatch_share=0.25, relisted=4, seed=7)
    rows = rows_of(tmp_path / "catalogue.csv")
    assert (len(rows), len({row["product_id"] for row in rows}), len(planted)) == (40, 40, 10)
    for copy in rows[-4:]:
        same = [row for row in rows if row["image_path"] == copy["image_path"]]
        assert len(same) == 3 == len({row["seller"] for row in same})
        assert {row["text"] for row in same} == {copy["text"]}
        assert len({row.true_text for row in planted if row.product_id == copy["product_id"]}) == 1


def test_the_same_seed_writes_the_same_bytes(catalogue: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_catalogue(
        tmp_path, count=40, mismatch_share=0.2, seed=7, progress=lambda *at: seen.append(at)
    )
    assert seen == [(done, 40) for done in range(1, 41)]
    files = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert len(files) == 42
    for path in files:
        assert (tmp_path / path).read_bytes() == (catalogue / path).read_bytes()


def test_drawing_needs_neither_django_nor_torch() -> None:
    code = (
        "import sys, moderation.demo; "
        "print([m for m in ('django', 'torch', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.stdout.strip() == "[]"
