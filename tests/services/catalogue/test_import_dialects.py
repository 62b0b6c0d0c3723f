"""Catalogue files as spreadsheets and shops write them are read, and say how."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue

HEADER = "product_id,image_path,text,category,seller\n"


def rows_of(path: Path) -> list[Any]:
    return [row for chunk in open_catalogue(path).chunks(9) for row in chunk]


def written(folder: Path, content: str, *, codec: str = "utf-8", name: str = "c.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode(codec))
    return path


def test_it_says_in_one_line_what_was_assumed(tmp_path: Path) -> None:
    content = (HEADER + "a,1.jpg,Größe M,Röcke,anna\n").replace(",", ";")
    path = written(tmp_path, content, codec="cp1252")
    assert open_catalogue(path).assumed == (
        "Read as cp1252, columns divided by semicolons. Look whether “Größe” is right."
    )
    assert [(row.text, row.category) for row in rows_of(path)] == [("Größe M", "Röcke")]


def test_a_usual_file_has_nothing_to_say(tmp_path: Path) -> None:
    assert open_catalogue(written(tmp_path, HEADER + "a,1.jpg,Größe;|,,\n")).assumed == ""


def test_cells_that_a_spreadsheet_left_out_at_the_end_are_empty(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "a,1.jpg,red\nb,2.jpg,red,Toys\nc,3.jpg,red,Toys,anna,,\n")
    assert [(row.category, row.seller, row.problem) for row in rows_of(path)] == [
        ("", "", None),
        ("Toys", "", None),
        ("Toys", "anna", None),
    ]
    assert open_catalogue(path).assumed == (
        "Read as UTF-8, columns divided by commas, cells missing at the end of 2 rows as empty."
    )


def test_a_cell_that_is_needed_and_missing_is_still_a_bad_row(tmp_path: Path) -> None:
    content = "product_id,image_path,category,text\na,1.jpg,Toys\n"
    path = written(tmp_path, content)
    assert rows_of(path)[0].problem.column == "text"
    assert open_catalogue(path).assumed == ""


def test_a_cell_too_long_for_its_column_is_told_as_such(tmp_path: Path) -> None:
    row = rows_of(written(tmp_path, HEADER + f"a,1.jpg,{'x' * 140_000},,\n"))[0]
    assert (len(row.text), row.problem) == (140_000, None)  # the import refuses it by its length


@pytest.mark.parametrize("ending", ["jsonl", "ndjson"])
def test_objects_a_line_in_capitals_and_in_utf_16(tmp_path: Path, ending: str) -> None:
    rows = [{"Product_ID": "J1", "IMAGE_PATH": "a.jpg", " Text": "Größe", "Seller": "anna"}]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\r\n" for row in rows)
    path = written(tmp_path, content, codec="utf-16", name=f"c.{ending}")
    found = rows_of(path)[0]
    assert (found.product_id, found.text, found.seller) == ("J1", "Größe", "anna")
    assert open_catalogue(path).assumed == "Read as UTF-16."


def test_an_object_that_names_a_column_twice_is_a_bad_row(tmp_path: Path) -> None:
    good = {"product_id": "a", "image_path": "1.jpg", "text": "red"}
    lines = [{**good, "Text": "blue"}, {**good, "x": 1, "X": 2}]
    path = written(tmp_path, "\n".join(map(json.dumps, lines)), name="c.jsonl")
    assert "has text twice" in str(rows_of(path)[0].problem)
    assert rows_of(path)[1].problem is None


def test_parquet_with_capital_names(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    columns = {"Product_ID": ["a"], "Image_Path": ["1.jpg"], "TEXT": ["red"], "Price": [1]}
    pd.DataFrame(columns).to_parquet(path)
    assert open_catalogue(path).ignored == ("Price",)
    assert [(row.product_id, row.text) for row in rows_of(path)] == [("a", "red")]


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        ([Decimal("123"), Decimal("7.00"), Decimal(2**60 + 1)], ["123", "7", str(2**60 + 1)]),
        ([b"A1", "Größe".encode(), None], ["A1", "Größe", ""]),
        (pyarrow.array([1.0, 12.0, None], pyarrow.float32()), ["1", "12", ""]),
    ],
)
def test_ids_of_every_exact_type_of_parquet(tmp_path: Path, ids: Any, read: list[str]) -> None:
    path = tmp_path / "c.parquet"
    table = {"product_id": ids, "image_path": ["1.jpg"] * 3, "text": ["red"] * 3}
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    assert [(row.product_id, row.problem) for row in rows_of(path)] == [(x, None) for x in read]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("1.5"), "is of type Decimal; give a text"),
        (b"\xff1", "holds bytes that are not UTF-8; give a text"),
        (1e300, "is of type float; give a text"),
    ],
)
def test_ids_that_are_no_text_get_a_sentence(tmp_path: Path, value: Any, words: str) -> None:
    path = tmp_path / "c.parquet"
    table = {"product_id": [value], "image_path": ["1.jpg"], "text": ["red"]}
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    problem = rows_of(path)[0].problem
    assert (problem.column, words in str(problem)) == ("product_id", True)
