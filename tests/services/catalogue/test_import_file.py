"""Reading catalogue files: the line of each row, what a cell may hold, which files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.catalogue_formats import CatalogueFileError

HEADER = "product_id,image_path,text,category\n"


def rows_of(path: Path, *, size: int = 100) -> list[Any]:
    return [row for chunk in open_catalogue(path).chunks(size) for row in chunk]


def written(tmp_path: Path, content: str | bytes, *, name: str = "c.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_are_true_after_quoted_cells_of_several_lines(tmp_path: Path) -> None:
    content = HEADER + 'a,1.jpg,"two\nlines, here",Bags\nb,2.jpg,one,Bags\n\n\nc,3.jpg,"x ""y""",\n'
    rows = rows_of(written(tmp_path, content))
    assert [(row.line, row.product_id, row.text) for row in rows] == [
        (2, "a", "two\nlines, here"),
        (4, "b", "one"),
        (7, "c", 'x "y"'),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_counts(tmp_path: Path, newline: str) -> None:
    content = (HEADER + "a,1.jpg,one,\nb,2.jpg,two,\n").replace("\n", newline)
    assert [(row.line, row.text) for row in rows_of(written(tmp_path, content))] == [
        (2, "one"),
        (3, "two"),
    ]


def test_a_byte_order_mark_belongs_to_no_column(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + HEADER.encode() + "é1,1.jpg,Müsli,\n".encode())
    assert [(row.line, row.product_id, row.text) for row in rows_of(path)] == [(2, "é1", "Müsli")]


def test_texts_that_look_like_numbers_or_gaps_stay_texts(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, HEADER + "007,1.jpg,NA,null\n1e5,2.jpg,nan,True\n"))
    assert [(row.product_id, row.text, row.category) for row in rows] == [
        ("007", "NA", "null"),
        ("1e5", "nan", "True"),
    ]


def test_a_row_of_the_wrong_length_harms_no_other(tmp_path: Path) -> None:
    content = HEADER + "a,1.jpg,red, round,Bags\nb,2.jpg\nc,3.jpg,fine,Bags\n"
    rows = rows_of(written(tmp_path, content))
    assert "5 cells where the header has 4" in str(rows[0].problem)
    assert rows[1].problem.column == "text"
    assert rows[2].problem is None


def test_wrong_quotes_are_told_with_the_lines_they_swallowed(tmp_path: Path) -> None:
    content = HEADER + 'a,1.jpg,"Best" shirt,x\nb,2.jpg,12" pipe,x\nc,3.jpg,"open,x\nd,4.jpg,y,x\n'
    rows = rows_of(written(tmp_path, content))
    assert [row.line for row in rows] == [2, 3, 4]
    assert "quotes" in str(rows[0].problem)
    assert rows[1].text == '12" pipe'
    assert "by line 5" in str(rows[2].problem)


def test_tsv_and_column_names_in_capitals(tmp_path: Path) -> None:
    content = "Product_ID\tIMAGE_PATH \tText\tShop\na\t1.jpg\tred, round\tx\n"
    file = open_catalogue(written(tmp_path, content, name="c.tsv"))
    assert file.ignored == ("Shop",)
    assert [row.text for chunk in file.chunks(9) for row in chunk] == ["red, round"]


def test_a_column_that_is_not_there_differs_from_an_empty_cell(tmp_path: Path) -> None:
    row = rows_of(written(tmp_path, HEADER + "a,1.jpg,red,\n"))[0]
    assert row.category == ""
    assert row.seller is None


def test_jsonl_names_the_line_of_what_it_cannot_read(tmp_path: Path) -> None:
    good = {"product_id": 7, "image_path": "1.jpg", "text": "red", "category": None, "more": 1}
    lines = [
        json.dumps(good),
        "",
        "{broken",
        "[1, 2]",
        json.dumps({"product_id": "b", "image_path": "2.jpg"}),
        json.dumps(good | {"text": ["red"]}),
        json.dumps(good | {"product_id": True}),
        "[" * 100_000,
    ]
    path = written(tmp_path, "\n".join(lines), name="c.jsonl")
    assert open_catalogue(path).ignored == ("more",)
    rows = rows_of(path)
    assert [row.line for row in rows] == [1, 3, 4, 5, 6, 7, 8]
    assert (rows[0].product_id, rows[0].category, rows[0].problem) == ("7", "", None)
    assert [row.problem.column for row in rows[1:]] == ["", "", "text", "text", "product_id", ""]


def test_parquet_keeps_whole_numbers_and_counts_rows(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pd.DataFrame(
        {
            "product_id": pd.array([1, None, 2**53 + 1], dtype="Int64"),
            "image_path": ["1.jpg", "2.jpg", None],
            "text": ["red", "blue", "green"],
            "price": [1.5, 2.5, 3.5],
        }
    ).to_parquet(path)
    assert open_catalogue(path).ignored == ("price",)
    assert [(row.line, row.product_id, *row.photos) for row in rows_of(path, size=2)] == [
        (1, "1", "1.jpg"),
        (2, "", "2.jpg"),
        (3, str(2**53 + 1)),
    ]


def test_a_parquet_cell_of_a_wrong_type_is_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    columns = {"product_id": [1.0, 1.5, float("inf")], "text": [["a", "b"], ["c"], []]}
    pd.DataFrame(columns | {"image_path": ["1.jpg"] * 3}).to_parquet(path)
    rows = rows_of(path)
    assert rows[0].product_id == "1"
    assert [row.problem.column for row in rows] == ["text", "product_id", "product_id"]


def test_chunks_hold_no_more_rows_than_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "".join(f"{n},{n}.jpg,t,\n" for n in range(25)))
    file = open_catalogue(path)
    assert file.row_count == 25
    assert [len(frame) for frame in file.chunks(10)] == [10, 10, 5]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("c.csv", b"", "lacks the columns product_id, image_path and text; it has: nothing."),
        (
            "c.csv",
            b"sku,bild,text\n1,a.jpg,red\n",
            r"lacks the columns product_id and image_path; rename the ones meant "
            r"\(found: sku, bild\).",
        ),
        ("c.csv", HEADER.encode(), "has no rows"),
        ("c.csv", b"product_id,text\n1,red\n", "lacks the column image_path; it has: product_id"),
        (
            "c.jsonl",
            b'{"product_id": "1", "title": "red", "image_path": "1.jpg"}\n',
            r"lacks the column text; rename the one meant \(found: title\).",
        ),
        ("c.csv", b"product_id,image_path,text,text\n1,1.jpg,a,b\n", "column text twice"),
        ("c.csv", (HEADER + "a,1.jpg,red,\nb,2.jpg,платье,\n").encode("cp1251"), "Line 3 of c.csv"),
        ("c.csv", HEADER.encode("utf-16"), "has no rows"),
        ("c.csv", b"PK\x03\x04rest", "workbook"),
        ("c.jsonl", b'[{"product_id": 1}]', "one JSON object per line"),
        ("c.parquet", b"PAR1 no more", "is not a whole Parquet file"),
        ("c.xlsx", b"PK\x03\x04", "is not a whole Excel workbook"),
        ("c.xls", b"", ".csv, .tsv, .jsonl, .parquet, .xlsx and .xml are accepted"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    with pytest.raises(CatalogueFileError, match=words.replace(".", r"\.")):
        open_catalogue(written(tmp_path, content, name=name))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFileError, match="is not a file"):
        open_catalogue(tmp_path / "none.csv")
