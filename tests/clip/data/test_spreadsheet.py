"""Texts that a spreadsheet would run as formulas are plain in a file and come back as they were."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from moderation.clip.data import dataset_check, dataset_split, spreadsheet
from moderation.clip.finetune.read import read_csvs
from moderation.services.release import pairs_file
from tests.support.snapshot_shop import unlike

HARMLESS = ("Red shirt", "", "a=b", "5-pack", "#1")
COLUMNS = ["image_path", "text", "label", "category"]
TITLES = [f"=cup {number}" for number in range(60)]
TEXTS = ("=1+1", "+49 cup", "-50% mug", "@home", "\tTab", "\r", "＝1", "'=1+1", "'80s dress", "''")


@pytest.mark.parametrize("text", [*HARMLESS, *TEXTS])
def test_a_text_comes_back_as_it_was(text: str) -> None:
    row = spreadsheet.safe({"text": text, "similarity": -0.25})
    assert row["text"] == (text if text in HARMLESS else f"'{text}")
    assert row["similarity"] == -0.25
    assert spreadsheet.plain(row) == {"text": text, "similarity": -0.25}


def test_a_row_that_says_nothing_keeps_its_apostrophes() -> None:
    assert spreadsheet.plain({"text": "'80s dress"}) == {"text": "'80s dress"}


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Labels of different photos, as no spreadsheet runs their texts."""
    path = tmp_path / "renamed.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*COLUMNS, spreadsheet.MARK])
        writer.writeheader()
        for number, text in enumerate(TITLES):
            (tmp_path / f"{number}.jpg").write_bytes(unlike(text))
            row = (f"{number}.jpg", text, str(number % 2), "@mugs")
            writer.writerow(spreadsheet.safe(dict(zip(COLUMNS, row, strict=True))))
    return path


def test_whoever_reads_labels_reads_the_texts(labels: Path, tmp_path: Path) -> None:
    assert "'=cup 1" in labels.read_text(encoding="utf-8")
    assert [pair.text for pair in pairs_file.read(labels)[0]] == TITLES
    assert [row["text"] for _, row in dataset_check.read(labels).rows] == TITLES
    data = read_csvs(labels, None, tmp_path)
    assert set(data.train.texts) <= set(TITLES) and set(data.train.categories) == {"@mugs"}


def test_what_is_divided_is_plain_again(labels: Path, tmp_path: Path) -> None:
    table = dataset_check.read(labels)
    report = dataset_check.check(table, folder=tmp_path)
    dataset_split.split(table, report, folder=tmp_path / "parts")
    written = (tmp_path / "parts" / "train.csv").read_text(encoding="utf-8")
    assert written.startswith("image_path,text,label,category,group\n")
    assert ",=cup " in written and "'=cup" not in written
