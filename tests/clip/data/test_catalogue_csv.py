"""Product CSVs to train on are read as those that are imported."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import pytest

from moderation.clip.data import dataset_check
from moderation.clip.data.catalogue_csv import CatalogueError, read_table

HEADER = "image_path,text,category"


def written(folder: Path, content: bytes) -> Path:
    path = folder / "c.csv"
    path.write_bytes(content)
    return path


def test_rows_are_texts_with_a_source(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}\n1.jpg,NA,007\n\n2.jpg,red\n".encode())
    assert read_table(path) == [
        {"image_path": "1.jpg", "text": "NA", "category": "007", "source": "catalogue"},
        {"image_path": "2.jpg", "text": "red", "category": "", "source": "catalogue"},
    ]


def test_other_dialects_are_read_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("moderation"), "propagate", True)
    path = written(tmp_path, "Image_Path;Text;Category\n1.jpg;Größe;Röcke\n".encode("cp1252"))
    assert read_table(path)[0]["text"] == "Größe"
    assert "c.csv: Read as cp1252, columns divided by semicolons." in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no column image_path, text, category"),
        (f"{HEADER}\n1.jpg,платье,x\n".encode("cp1251"), "Line 2 of c.csv is not UTF-8"),
        (f"{HEADER}\n1.jpg,red, round,x\n".encode(), "Line 2 of c.csv cannot be read. It has more"),
        (f'{HEADER}\n1.jpg,red,x\n1.jpg,"open,x\n'.encode(), "Line 3 of c.csv cannot be read. The"),
        (b"PK\x03\x04", "workbook"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        read_table(written(tmp_path, content))
    assert words in str(refused.value)


def test_a_huge_cell_beside_labelled_pairs_harms_no_row(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)  # as a new process has it
    path = written(tmp_path, f"image_path,text,label,html\n1.jpg,red,1,{'A' * 140_000}\n".encode())
    assert [row["text"] for _, row in dataset_check.read(path).rows] == ["red"]
    assert len(read_table(path, columns=("image_path", "text"))) == 1
