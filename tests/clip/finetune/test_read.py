"""Reading labelled CSVs: what is refused, what is left out, and how an undivided file is split."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moderation.clip.finetune.read import read_csvs, read_folder
from moderation.clip.finetune.refusals import DataRefused
from tests.support.clip_models import photo

Rows = list[tuple[str, str, str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV of rows (image_path, text, label) whose pictures exist."""

    def write(
        rows: Rows, *, name: str = "train.csv", header: str = "image_path,text,label"
    ) -> Path:
        for place, _text, _label in rows:
            if not (tmp_path / place).exists():
                photo(int("".join(filter(str.isdigit, place)))).save(tmp_path / place)
        lines = [header, *(",".join(row) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


def rows(count: int, *, start: int = 0, mismatches: int | None = None) -> Rows:
    wrong = count // 2 if mismatches is None else mismatches
    return [
        (f"{number}.png", f"thing {number}", str(int(number - start >= wrong)))
        for number in range(start, start + count)
    ]


def test_a_training_reads_texts_as_the_model_will(write: Callable[..., Path]) -> None:
    table = [(place, f"NEW!!! {text} <b>(Size M)</b>", label) for place, text, label in rows(80)]
    csv = write(table)
    data = read_csvs(csv, None, csv.parent, write(table[:4], name="listings.csv"))
    assert data.listings is not None
    for part in (data.train, data.validation, data.calibration, data.listings):
        assert {text.split()[0] for text in part.texts} == {"thing"}
        assert all(len(text.split()) == 2 for text in part.texts)


def test_an_undivided_file_is_split_without_dividing_a_picture_or_a_title(
    write: Callable[..., Path],
) -> None:
    table = rows(80)
    # One picture under two texts, one text under two pictures: all three are one group.
    table += [("0.png", "thing 70", "0"), ("70.png", "thing 70", "1")]
    csv = write(table)
    data = read_csvs(csv, None, csv.parent)
    parts = [data.train, data.validation, data.calibration]
    assert sum(map(len, parts)) == 82
    assert [round(len(part) / 82, 1) for part in parts] == [0.7, 0.1, 0.1] or len(parts[1]) > 8
    for part in parts:
        assert set(part.labels.tolist()) == {0, 1}
    homes = [part for part in parts if {"0.png", "70.png"} & {path.name for path in part.images}]
    assert len(homes) == 1
    assert "held out" in data.notes[0]
    again = read_csvs(csv, None, csv.parent)
    assert again.train.texts == data.train.texts


def test_a_given_validation_file_serves_calibration_too(write: Callable[..., Path]) -> None:
    train = write(rows(60))
    data = read_csvs(train, write(rows(40, start=100), name="val.csv"), train.parent)
    assert len(data.train) == 60
    assert len(data.validation) + len(data.calibration) == 40


def test_a_picture_in_both_files_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    train, val = write(rows(60)), rows(40, start=100)
    shutil.copy(tmp_path / "7.png", tmp_path / "copy7.png")
    val[0] = ("copy7.png", "another text", "0")
    with pytest.raises(DataRefused, match=r"both the train.csv and the val.csv part.*7\.png"):
        read_csvs(train, write(val, name="val.csv"), tmp_path)


def test_a_snapshot_whose_groups_cross_parts_is_refused(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    header = "image_path,text,label,group,weight"
    for start, name in ((0, "train"), (100, "validation"), (200, "calibration")):
        table = [(*row[:2], f"{row[2]},{'same' if i == 3 else row[0]},1.5") for i, row in
                 enumerate(rows(40, start=start))]  # fmt: skip
        write(table, name=f"{name}.csv", header=header)
    with pytest.raises(DataRefused, match="1 groups stand in both the train and the validation"):
        read_folder(tmp_path)


@pytest.mark.parametrize(
    ("table", "header", "sentence"),
    [
        (rows(60, mismatches=19), "image_path,text,label", "41 matches and 19 mismatches"),
        (rows(60), "image_path,text,verdict", "has no column label"),
        ([*rows(60), ("1.png", "x", "yes")], "image_path,text,label", "label 'yes' in line 62"),
        ([*rows(60), ("1.png", "", "1")], "image_path,text,label", "no text in line 62"),
    ],
)
def test_bad_data_is_refused_in_a_sentence(
    write: Callable[..., Path], table: Rows, header: str, sentence: str
) -> None:
    csv = write(table, header=header)
    with pytest.raises(DataRefused, match=sentence):
        read_csvs(csv, None, csv.parent)


def test_a_few_unreadable_pictures_are_left_out_and_many_are_refused(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    csv = write(rows(100))
    (tmp_path / "3.png").write_bytes(b"no picture")
    (tmp_path / "4.png").unlink()
    data = read_csvs(csv, None, tmp_path)
    assert len(data.train) + len(data.validation) + len(data.calibration) == 98
    assert "2 rows were left out of train.csv" in data.notes[0]
    (tmp_path / "5.png").unlink()
    with pytest.raises(DataRefused, match=r"3 of 100 images of train.csv cannot be read"):
        read_csvs(csv, None, tmp_path)


def test_a_snapshot_takes_replayed_pairs_from_a_file_of_their_own(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    for start, name in ((0, "train"), (100, "validation"), (200, "calibration")):
        write(rows(40, start=start), name=f"{name}.csv")
    known = write([("300.png", "old thing", "1")], name="known.csv")
    data = read_folder(tmp_path, replay_csv=known)
    assert data.replay is not None
    assert (data.replay.images, data.replay.texts) == ([tmp_path / "300.png"], ["old thing"])
    with pytest.raises(DataRefused, match="There is no file"):
        read_folder(tmp_path, replay_csv=tmp_path / "gone.csv")


@pytest.mark.parametrize("link", ["title", "near-duplicate", "group", "title within a group"])
def test_what_links_the_two_files_is_refused_too(
    write: Callable[..., Path], tmp_path: Path, link: str
) -> None:
    """No byte is shared: the same title, nearly the same picture, or the same named group."""
    header = "image_path,text,label,group"
    train, val = (
        [(path, text, f"{label},") for path, text, label in rows(count, start=at)]
        for count, at in ((60, 0), (40, 100))
    )
    if link == "title":
        val[0] = ("100.png", "THING 7!", "0,")
    elif link == "near-duplicate":
        photo(7).save(tmp_path / "saved7.jpg", quality=90)
        val[0] = ("saved7.jpg", "another text", "0,")
    elif link == "group":
        train[7], val[0] = ("7.png", "thing 7", "0,mine"), ("100.png", "thing 100", "0,mine")
    else:
        # The title of one row, whose group by name is another row's.
        train[7], train[8] = ("7.png", "thing 7", "0,mine"), ("8.png", "thing 8", "0,mine")
        val[0] = ("100.png", "thing 8", "0,")
    one = write(train, header=header)
    two = write(val, name="val.csv", header=header)
    with pytest.raises(DataRefused, match=r"1 groups stand in both the train.csv and the val.csv"):
        read_csvs(one, two, tmp_path)


@pytest.mark.parametrize("name", ["train.csv", "val.csv"])
def test_a_file_of_nothing_but_a_header_is_refused(
    write: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    write(rows(60))
    write(rows(40, start=100), name="val.csv")
    (tmp_path / name).write_text("image_path,text,label\n")
    with pytest.raises(DataRefused, match=f"{name} has a header and no rows"):
        read_csvs(tmp_path / "train.csv", tmp_path / "val.csv", tmp_path)
