"""The file of bad rows: what was not taken, with its own cells, to be mended and sent again."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation.models import Product
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

HEADER = "product_id;image_path;text;category;price\n"


@pytest.fixture
def folder(bundled: Any, tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo(mark=ord(name[0])))
    return tmp_path


def run(path: Path, *arguments: Any) -> str:
    out = StringIO()
    call_command("import_products", str(path), *map(str, arguments), stdout=out)
    return out.getvalue()


def reported(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mend(path: Path, **cells: str) -> None:
    """As a person does it in a spreadsheet: put right values into the rows, and save."""
    rows = [row | cells for row in reported(path)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_bad_rows_can_be_mended_in_the_report_and_imported(folder: Path) -> None:
    path, bad = folder / "c.csv", folder / "bad.csv"
    rows = "A1;a.jpg;Fine;Toys;1\nA2;gone.jpg;Größe, M;Toys;2\nA3;none.jpg;Two;;3\nA4;no.jpg;3\n"
    path.write_bytes((HEADER + rows).encode("cp1252"))
    told = run(path, "--report", bad)
    assert "Read as cp1252, columns divided by semicolons, cells missing at the end" in told
    assert "Mend them in that file and import it." in told
    assert list(reported(bad)[0].values()) == [
        *("3", "image_path", "The photo gone.jpg does not exist; check image_path."),
        *("A2", "gone.jpg", "Größe, M", "Toys"),
    ]
    mend(bad, image_path="b.jpg")
    assert "3 created, 0 updated, 0 unchanged, 0 bad." in run(bad)
    assert list(Product.objects.order_by("external_id").values_list("external_id", "text")) == [
        ("A1", "Fine"),
        ("A2", "Größe, M"),
        ("A3", "Two"),
        ("A4", "3"),
    ]


def test_rows_that_could_not_be_divided_are_there_as_they_stand(folder: Path) -> None:
    path, bad = folder / "c.csv", folder / "bad.csv"
    rows = 'A0,a.jpg,Good\nA1,a.jpg,red, round\nA2,b.jpg,"Best" shirt\nA3,b.jpg\n'
    path.write_text("product_id,image_path,text\n" + rows)
    run(path, "--report", bad)
    assert [(row["product_id"], row["text"], row["row"]) for row in reported(bad)] == [
        ("A1", "red", "A1,a.jpg,red, round\n"),
        ("A2", "Best shirt", 'A2,b.jpg,"Best" shirt\n'),
        ("A3", "", ""),
    ]
    mend(bad, text="Mended")
    assert "3 created" in run(bad)


def test_rows_of_other_formats_become_cells_too(folder: Path) -> None:
    path, bad = folder / "c.jsonl", folder / "bad.csv"
    good = {"product_id": 7, "image_path": "a.jpg", "text": "Red", "seller": "anna"}
    rows = [good, good | {"product_id": 8, "text": ["Red"]}, {"product_id": 9, "seller": "bert"}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{broken\n")
    run(path, "--report", bad)
    found = reported(bad)
    assert [(row["product_id"], row["seller"]) for row in found] == [
        ("8", "anna"),
        ("9", "bert"),
        ("", ""),
    ]
    assert found[2]["row"] == "{broken\n"


def test_a_report_elsewhere_says_where_its_paths_start(folder: Path) -> None:
    path, elsewhere = folder / "c.csv", folder / "out"
    elsewhere.mkdir()
    path.write_text("product_id,image_path,text\nA1,a.jpg,Red\nA2,a.jpg,\n")
    told = run(elsewhere / ".." / path.name, "--report", elsewhere / "bad.csv")
    assert f"import it with --image-base-path {folder}." in told


def test_a_long_cell_of_a_used_column_gets_its_own_sentence(folder: Path) -> None:
    path, long = folder / "c.csv", "x" * 140_000
    rows = f"A1,a.jpg,{long}\nA2,{long},Red\n{long},a.jpg,Red\nA4,a.jpg,Red\n"
    path.write_text("product_id,image_path,text\n" + rows)
    told = run(path)
    assert "text has 140000 characters; at most 500 are accepted." in told
    assert "image_path has 140,000 characters; give the path of a photo." in told
    assert "product_id has more than 100 characters." in told
    assert "1 created" in told and len(told) < 1000


def test_photos_that_are_all_missing_are_one_sentence(folder: Path) -> None:
    path, bad = folder / "c.csv", folder / "bad.csv"
    rows = "".join(f"A{n},photos/{n}.jpg,Red\n" for n in range(30))
    path.write_text("product_id,image_path,text\n" + rows + "B,,Red\n")
    out = StringIO()
    with pytest.raises(CommandError, match="no row was good"):
        call_command("import_products", str(path), "--report", str(bad), stdout=out)
    told = out.getvalue()
    assert "There is no photo for 30 rows (the first is photos/0.jpg)." in told
    assert "does not exist" not in told and "      32  image_path    image_path is empty" in told
    assert len(reported(bad)) == 31


def test_some_photos_that_are_missing_are_told_one_by_one(folder: Path) -> None:
    path = folder / "c.csv"
    rows = "A1,a.jpg,Red\nA2,1.jpg,Red\nA3,2.jpg,Red\n"
    path.write_text("product_id,image_path,text\n" + rows)
    for options in ((), ("--dry-run",)):
        assert "The photo 1.jpg does not exist" in run(path, *options)
