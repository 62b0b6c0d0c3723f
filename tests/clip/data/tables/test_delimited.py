"""Which sign divides the columns, and how quotes are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.clip.data.tables.delimited import Delimited, open_delimited, share_of
from moderation.clip.data.tables.encodings import UnreadableTable
from moderation.clip.data.tables.rows import CELL_AT_MOST

REQUIRED = ("product_id", "image_path", "text")


def opened(folder: Path, content: str, *, usual: str = ",", codec: str = "utf-8") -> Delimited:
    path = folder / "c.csv"
    path.write_bytes(content.encode(codec))
    return open_delimited(path, usual=usual, fits=share_of(REQUIRED))


def cells(table: Delimited) -> list[list[str]]:
    return [row.cells for row in table.rows()]


@pytest.mark.parametrize(
    ("sign", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "pipes"), (",", "")]
)
def test_the_sign_is_found_by_the_header(tmp_path: Path, sign: str, name: str) -> None:
    content = "Product_ID,image_path,text\na,1.jpg,1\n".replace(",", sign)
    table = opened(tmp_path, content)
    assert table.names == ["product_id", "image_path", "text"]
    assert cells(table) == [["a", "1.jpg", "1"]]
    assert table.assumed() == (f"Read as UTF-8, columns divided by {name}." if name else "")


def test_quoted_signs_belong_to_their_cells(tmp_path: Path) -> None:
    table = opened(tmp_path, '"product_id";"image_path";"text"\n"S1";"a.jpg";"Red; square, 3"\n')
    assert cells(table) == [["S1", "a.jpg", "Red; square, 3"]]


def test_a_header_that_is_right_with_the_usual_sign_is_never_guessed_anew(tmp_path: Path) -> None:
    content = "product_id,image_path,text,a;b;c|d\n" + "1;2;3,x;y;z,red;green;blue,;;;\n" * 9
    table = opened(tmp_path, content)
    assert (table.dialect.sign, table.assumed()) == (",", "")
    assert cells(table)[0] == ["1;2;3", "x;y;z", "red;green;blue", ";;;"]


def test_two_readings_that_are_equally_good_are_refused(tmp_path: Path) -> None:
    header = "product_id;image_path;text;|product_id|image_path|text\n"
    with pytest.raises(UnreadableTable, match="divided by semicolons and by pipes; save it with"):
        opened(tmp_path, header + "a;1.jpg;red;|b|2.jpg|blue\n")


@pytest.mark.parametrize(
    ("first", "sign"), [("sep=;", ";"), ('"sep=|"', "|"), ("SEP=^", "^"), ("sep=,;;", ",")]
)
def test_a_line_that_names_the_sign_is_believed(tmp_path: Path, first: str, sign: str) -> None:
    content = f"{first}\r\nproduct_id,image_path,text\r\na,1.jpg,red\r\n".replace(",", sign)
    if sign == ",":
        content = content.replace("sep=,,,", first)
    table = opened(tmp_path, content)
    assert table.names == list(REQUIRED)
    assert [(row.line, row.cells) for row in table.rows()] == [(3, ["a", "1.jpg", "red"])]


def test_a_line_that_names_the_wrong_sign_is_not(tmp_path: Path) -> None:
    table = opened(tmp_path, "sep=;\nproduct_id,image_path,text\na,1.jpg,red\n")
    assert cells(table) == [["a", "1.jpg", "red"]]


def test_quotes_of_a_tsv_are_signs_where_only_that_gives_whole_rows(tmp_path: Path) -> None:
    rows = 'a\t1.jpg\t"Best" shirt\nb\t2.jpg\t12" pipe\nc\t3.jpg\t"open\nd\t4.jpg\tshut"\n'
    table = opened(tmp_path, "product_id\timage_path\ttext\n" + rows, usual="\t")
    assert [row[2] for row in cells(table)] == ['"Best" shirt', '12" pipe', '"open', 'shut"']
    assert table.assumed() == "Read as UTF-8, columns divided by tabs, quotes as they stand."


def test_quotes_that_open_and_close_on_other_rows_hold_no_rows_together(tmp_path: Path) -> None:
    rows = 'a\t1.jpg\t"open\nb\t2.jpg\tbetween\nc\t3.jpg\tshut"\n'
    table = opened(tmp_path, "product_id\timage_path\ttext\n" + rows, usual="\t")
    assert [row[2] for row in cells(table)] == ['"open', "between", 'shut"']


def test_quotes_of_a_tsv_that_hold_several_lines_do_so(tmp_path: Path) -> None:
    content = 'product_id\timage_path\ttext\tseller\na\t1.jpg\t"two\nlines\t""so"""\tanna\n'
    table = opened(tmp_path, content, usual="\t")
    assert cells(table) == [["a", "1.jpg", 'two\nlines\t"so"', "anna"]]
    assert table.assumed() == ""


def test_a_quoted_row_without_content_says_nothing_of_quotes(tmp_path: Path) -> None:
    rows = '"a"\t"1.jpg"\t"red"\n""\t""\t""\n"b"\t"2.jpg"\t"blue"\n'
    table = opened(tmp_path, '"product_id"\t"image_path"\t"text"\n' + rows, usual="\t")
    assert cells(table) == [["a", "1.jpg", "red"], ["b", "2.jpg", "blue"]]
    assert table.assumed() == ""


def test_a_cell_may_be_larger_than_the_library_allows(tmp_path: Path) -> None:
    table = opened(tmp_path, f"product_id,image_path,text,x\na,1.jpg,red,{'A' * 140_000}\n")
    assert [(row.cells[2], row.problem) for row in table.rows()] == [("red", "")]


def test_a_cell_without_measure_is_a_problem_of_its_row(tmp_path: Path) -> None:
    rows = f"a,1.jpg,red,{'A' * (CELL_AT_MOST + 1)}\nb,2.jpg,blue,\n"
    found = list(opened(tmp_path, "product_id,image_path,text,x\n" + rows).rows())
    assert "more than 16,777,216 characters" in found[0].problem
    assert (found[1].cells[0], found[1].problem) == ("b", "")


def test_what_could_not_be_divided_is_kept(tmp_path: Path) -> None:
    table = opened(tmp_path, 'product_id,image_path,text\na,1.jpg,"Best" shirt\n')
    row = next(table.rows())
    assert (row.cells, row.raw) == (["a", "1.jpg", "Best shirt"], 'a,1.jpg,"Best" shirt\n')
    assert "quotes" in row.problem


def test_encoding_and_sign_are_told_in_one_line(tmp_path: Path) -> None:
    table = opened(tmp_path, "product_id;image_path;text\na;1.jpg;Größe\n", codec="cp1252")
    assert table.assumed("x") == (
        "Read as cp1252, columns divided by semicolons, x. Look whether “Größe” is right."
    )
    table = opened(tmp_path, "product_id\timage_path\ttext\na\t1.jpg\tGröße\n", codec="utf-16")
    assert table.assumed() == "Read as UTF-16, columns divided by tabs."


@pytest.mark.parametrize("above", ["My export;;\n", "\n\nShop;2026;\nNo;Photo;Text\n"])
def test_a_title_or_labels_may_stand_above_the_header(tmp_path: Path, above: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(f"{above}product_id;image_path;text\na;1.jpg;Red\n")
    table = open_delimited(path, usual=",", fits=share_of(["product_id", "image_path", "text"]))
    rows = list(table.rows())
    assert (table.names, [row.cells for row in rows]) == (
        ["product_id", "image_path", "text"],
        [["a", "1.jpg", "Red"]],
    )
    assert rows[0].line == above.count("\n") + 2
