"""A CSV of labelled pairs is looked through before anybody trains on it."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation.clip.data import dataset_check, dataset_split
from moderation.clip.data.dataset_check import DatasetRefused
from moderation.clip.data.dataset_report import DatasetReport
from moderation.clip.errors import ModelError
from moderation.clip.finetune.read import read_csvs
from tests.support.snapshot_shop import unlike

HEADER = "image_path,text,label\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with 40 photos that are nothing like each other."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.jpg").write_bytes(unlike(str(number)))
    return folder


def write(shop: Path, lines: list[str], *, header: str = HEADER) -> Path:
    path = shop / "pairs.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def good(count: int = 40) -> list[str]:
    return [f"{number}.jpg,product {number},{number % 2}" for number in range(count)]


def check(path: Path) -> DatasetReport:
    return dataset_check.check(dataset_check.read(path), folder=path.parent)


def found(report: DatasetReport) -> dict[str, list[int]]:
    return {finding.kind: finding.lines for finding in report.findings}


def test_a_sound_file_that_is_too_small_is_not_called_fit(shop: Path) -> None:
    report = check(write(shop, good(38)))
    assert found(report) == {"few": []}
    assert report.is_fit  # it may be looked at, evaluated on and divided
    assert report.verdict == "Sound, but too small to train on."


def test_a_good_file_is_fit(shop: Path) -> None:
    report = check(write(shop, good()))
    assert (report.rows, report.matches, report.mismatches) == (40, 20, 20)
    assert report.findings == []
    assert report.verdict == "Fit for training."


@pytest.mark.parametrize(
    ("line", "kind", "is_fit"),
    [
        (",a text,1", "missing_value", False),
        ("1.jpg, ,1", "missing_value", False),
        ("1.jpg,short row", "missing_value", False),
        ("1.jpg,a text,2", "wrong_label", False),
        ("1.jpg,a text,match", "wrong_label", False),
        ("1.jpg,red, and blue,1", "overlong_row", False),
        ("0.jpg,Product  0,1", "contradiction", False),
        ("0.jpg,product 0,0", "duplicate", True),
        (f"1.jpg,{'x' * 501},1", "long_text", True),
    ],
)
def test_each_trouble_is_found_with_its_line(
    shop: Path, line: str, kind: str, is_fit: bool
) -> None:
    report = check(write(shop, [*good(), line]))
    lines = [2, 42] if kind == "contradiction" else [42]
    assert found(report) == {kind: lines}
    assert report.is_fit == is_fit


def test_lines_are_those_of_the_file_also_where_a_text_has_line_breaks(shop: Path) -> None:
    report = check(write(shop, ['0.jpg,"two\nlines",1', *good(), "1.jpg,a text,7"]))
    assert found(report)["wrong_label"] == [44]


def test_a_file_saved_by_a_spreadsheet_is_read(shop: Path) -> None:
    path = write(shop, good())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert check(path).findings == []


def test_unreadable_images_are_a_warning_up_to_2_percent_and_an_error_beyond(shop: Path) -> None:
    (shop / "cut.jpg").write_bytes(unlike("cut")[:300])
    many = [f"{n % 40}.jpg,text {n},{n % 2}" for n in range(60)]
    one = check(write(shop, [*many, "gone.jpg,a text,1"]))
    assert (found(one)["unreadable_image"], one.is_fit) == ([62], True)
    two = check(write(shop, [*many, "gone.jpg,a text,1", "cut.jpg,a text,0"]))
    assert (found(two)["unreadable_image"], two.is_fit) == ([62, 63], False)
    assert "cut.jpg is damaged or cut off" in two.findings[0].message


def test_a_photo_is_its_bytes_whatever_its_name(shop: Path) -> None:
    shutil.copy(shop / "0.jpg", shop / "copy.jpg")
    report = check(write(shop, [*good(), "copy.jpg,product 0,1", "copy.jpg,product 0,0"]))
    assert found(report) == {"contradiction": [2, 42, 43], "same_photo": [2, 42, 43]}


@pytest.mark.parametrize(("mismatches", "warned"), [(6, False), (5, True)])
def test_a_balance_worse_than_5_to_1_is_a_warning(
    shop: Path, mismatches: int, warned: bool
) -> None:
    lines = [f"{n}.jpg,product {n},{int(n >= mismatches)}" for n in range(36)]
    report = check(write(shop, lines))
    assert ("imbalance" in found(report)) == warned
    assert report.is_fit


def test_one_class_alone_and_an_empty_file_are_errors(shop: Path) -> None:
    assert "one_class" in found(check(write(shop, ["0.jpg,a text,1"])))
    assert "empty" in found(check(write(shop, [])))


def test_what_is_no_such_csv_is_refused_in_a_sentence(shop: Path) -> None:
    with pytest.raises(DatasetRefused, match=r"has no column label; .* image_path,text\.$"):
        check(write(shop, [], header="image_path,text\n").rename(shop / "x.csv"))
    with pytest.raises(DatasetRefused, match="has no column image_path, text, label"):
        check(write(shop, [], header=""))
    with pytest.raises(DatasetRefused, match="There is no file"):
        check(shop / "none.csv")
    latin = shop / "latin.csv"
    latin.write_bytes(HEADER.encode() + "0.jpg,Größe,1\n".encode("latin-1"))
    with pytest.raises(DatasetRefused, match="not UTF-8"):
        check(latin)
    with pytest.raises(DatasetRefused, match="cannot be read as a CSV file"):
        check(shop)


# ── Dividing ──────────────────────────────────────────────────────────────────────────────────
def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_parts_share_no_product_and_keep_both_labels(shop: Path, tmp_path: Path) -> None:
    lines = [f"{line},{n}" for n, line in enumerate(good())]
    lines += [f"{n}.jpg,other text of {n},0,{40 + n}" for n in range(10)]
    lines += [f"{n}.jpg,PRODUCT {n + 1},0,{30 + n}" for n in range(20, 30)]
    path = write(shop, lines, header="image_path,text,label,note\n")
    table = dataset_check.read(path)
    report = dataset_check.check(table, folder=shop)
    parts = dataset_split.split(table, report, folder=tmp_path / "out", share=0.8)
    train, val = rows(tmp_path / "out" / "train.csv"), rows(tmp_path / "out" / "val.csv")
    assert sorted(int(row["note"]) for row in train + val) == list(range(60))
    assert not {row["group"] for row in train} & {row["group"] for row in val}
    assert not {row["image_path"] for row in train} & {row["image_path"] for row in val}
    assert {row["text"].lower() for row in train}.isdisjoint(row["text"].lower() for row in val)
    for part, held in zip(parts, (train, val), strict=True):
        assert part.matches == sum(row["label"] == "1" for row in held) > 0
        assert part.mismatches == sum(row["label"] == "0" for row in held) > 0
    assert 0.7 < len(train) / 60 < 0.9


def test_the_same_seed_gives_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    table = dataset_check.read(write(shop, good()))
    report = dataset_check.check(table, folder=shop)
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        dataset_split.split(table, report, folder=tmp_path / name, seed=seed)
    one, two, other = (
        (tmp_path / name / "val.csv").read_bytes() for name in ("one", "two", "other")
    )
    assert one == two != other


def test_what_cannot_be_divided_leaves_nothing_behind(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"

    def divide(lines: list[str]) -> None:
        table = dataset_check.read(write(shop, lines))
        report = dataset_check.check(table, folder=shop)
        dataset_split.split(table, report, folder=out)

    with pytest.raises(DatasetRefused, match="All rows belong to one group"):
        divide(["0.jpg,a text,1", "0.jpg,another text,0"])
    with pytest.raises(DatasetRefused, match="Not fit for training: 1 error"):
        divide(["0.jpg,a text,1"])
    assert not out.parent.exists()
    divide(["0.jpg,a text,1", "1.jpg,another text,0"])
    with pytest.raises(ModelError, match="choose another folder for the data set"):
        divide(good())
    assert sorted(path.name for path in out.iterdir()) == ["train.csv", "val.csv"]


# ── The command ───────────────────────────────────────────────────────────────────────────────
def run(*arguments: Any) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("check_dataset", *map(str, arguments), stdout=out)
    except SystemExit as end:
        return out.getvalue(), int(end.code or 0)
    return out.getvalue(), 0


def test_the_command_ends_with_1_on_errors_only(shop: Path) -> None:
    fine = run(write(shop, good()))
    assert fine == ("pairs.csv: 40 rows, 20 matches, 20 mismatches.\nFit for training.\n", 0)
    text, status = run(write(shop, [*good(), "0.jpg,product 0,0"]))
    assert "warning 1 row that repeat" in text
    assert "(line 42)" in text
    assert status == 0
    text, status = run(write(shop, [*good(), *["0.jpg,a text,9"] * 7]))
    assert "error   7 rows whose label is not 0" in text
    assert "(lines 42, 43, 44, 45, 46, …)" in text
    assert text.endswith("Not fit for training: 1 error to fix first.\n")
    assert status == 1


def test_the_command_divides_and_tells(shop: Path, tmp_path: Path) -> None:
    path = write(shop, good()).rename(tmp_path / "elsewhere.csv")
    arguments = ["--image-base-path", shop, "--split", 0.8, "--output-dir", tmp_path / "out"]
    text, status = run(path, *arguments)
    assert status == 0
    assert f"{tmp_path / 'out' / 'train.csv'}: " in text
    told = json.loads(run(path, "--image-base-path", shop, "--json")[0])
    assert told["fit"] is True
    assert (told["rows"], told["findings"]) == (40, [])
    with pytest.raises(CommandError, match="go together"):
        run(path, "--split", 0.8)
    with pytest.raises(CommandError, match="is no share"):
        run(path, "--split", 80, "--output-dir", tmp_path / "x")
    with pytest.raises(CommandError, match="There is no file"):
        run(tmp_path / "none.csv")


def test_the_command_it_prints_finds_the_photos(shop: Path, tmp_path: Path) -> None:
    path = write(shop, [f"{number}.jpg,product {number},{number % 2}" for number in range(40)])
    arguments = [path, "--split", 0.6, "--output-dir", tmp_path / "my parts"]
    (line,) = [line for line in run(*arguments)[0].splitlines() if line.startswith("Next: ")]

    _python, _manage, command, *words = shlex.split(line.removeprefix("Next: "))
    asked = dict(zip(words[::2], map(Path, words[1::2]), strict=True))

    assert command == "train_clip"
    data = read_csvs(asked["--train-csv"], asked["--val-csv"], asked["--image-base-path"])
    assert sum(map(len, (data.train, data.validation, data.calibration))) == 40


def test_a_column_without_a_name_is_no_overlong_row(shop: Path) -> None:
    """pandas writes its index under an empty name."""
    lines = [f"{number},{line}" for number, line in enumerate(good())]
    report = check(write(shop, [*lines, "40,1.jpg,red, and blue,1"], header="," + HEADER))
    assert found(report) == {"overlong_row": [42]}
    assert len(report.usable) == 40
