"""What a cell says of photos and of categories."""

from __future__ import annotations

import time

import pytest

from moderation.services.catalogue.catalogue_formats import BadCell, Repeated
from moderation.services.catalogue.cell_values import category_of, photos_of

A, B = "https://x.example/a,1.jpg", "http://x.example/b.jpg?size=1,2"


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (f"{A},{B}", [A, B]),
        (f" {A} | {B} |", [A, B]),
        (f"{A}\n{B}", [A, B]),
        (f"//cdn.x.example/1.jpg;{B}", ["https://cdn.x.example/1.jpg", B]),
        ("a.jpg, b/c.jpg,, ", ["a.jpg", "b/c.jpg"]),
        ("a.jpg,no_selection", ["a.jpg"]),
        (["a.jpg", A, None], ["a.jpg", A]),
        (Repeated([A, f"{A}, {B}"]), [A, A, B]),
        ("  ", []),
        (None, []),
    ],
)
def test_photos_of_a_cell(cell: object, found: list[str]) -> None:
    assert list(photos_of(cell, "Images", divided_by=",", none=["no_selection"])) == found


def test_a_path_is_whole_where_nothing_divides_it() -> None:
    assert list(photos_of(" a, b|c.jpg", "image_path")) == [" a, b|c.jpg"]
    assert list(photos_of("//photos/a.jpg", "image_path")) == ["//photos/a.jpg"]


def test_an_embedded_image_is_no_path() -> None:
    with pytest.raises(BadCell, match="image is of type dict; give a text"):
        list(photos_of({"bytes": b"x", "path": "a.jpg"}, "image"))


def test_a_cell_of_separators_alone_costs_no_time() -> None:
    start = time.monotonic()
    assert list(photos_of(A + "," * 1_000_000 + "x", "Images")) == [A + "," * 1_000_000 + "x"]
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("text", "levels", "divided_by", "category"),
    [
        ("Women > Shoes > Boots", ">", "", "Boots"),
        (r"Toys\, games > Dolls\, bears, Sale", ">", ",", "Dolls, bears"),
        ("Shop All/Bath;Home", "/", ";", "Bath"),
        ("2271", ">", "", ""),
        ("  Cups & mugs > 2026 ", "", "", "Cups & mugs > 2026"),
        ("", ">", ",", ""),
    ],
)
def test_the_category_is_the_last_level_of_the_first(
    text: str, levels: str, divided_by: str, category: str
) -> None:
    assert category_of(text, levels=levels, divided_by=divided_by) == category
