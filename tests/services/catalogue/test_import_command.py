"""`manage.py import_products` as an operator meets it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from moderation.models import Product
from tests.support import full_disk
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    (tmp_path / "1.jpg").write_bytes(photo(mark=1))

    def catalogue(*ids: str, photo: str = "1.jpg") -> Path:
        path = tmp_path / "catalogue.csv"
        rows = "".join(f"{one},{photo},text of {one}\n" for one in ids)
        path.write_text("product_id,image_path,text\n" + rows)
        return path

    return catalogue


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_products", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_it_tells_what_became_of_the_rows(bundled: Any, write: Callable[..., Path]) -> None:
    told = run(write("a", "b", "a"))
    assert "       4  product_id    product_id a stands on line 2 already" in told
    assert "2 created, 0 updated, 0 unchanged, 1 bad." in told
    assert told.endswith("The worker analyses them; what is flagged is at /admin/queue/.\n")


def test_what_brought_nothing_new_names_no_next_step(
    bundled: Any, write: Callable[..., Path]
) -> None:
    assert "/admin/queue/" not in run(write("a"), "--dry-run")
    run(write("a"))
    assert "/admin/queue/" not in run(write("a"))


@pytest.mark.parametrize("ending", ["tsv", "jsonl", "parquet"])
def test_the_other_formats(bundled: Any, write: Callable[..., Path], ending: str) -> None:
    frame = pd.read_csv(write("a", "b"))
    path = write("x").with_suffix(f".{ending}")
    if ending == "tsv":
        frame.to_csv(path, sep="\t", index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    assert "2 created" in run(path)


def test_the_report_file_holds_what_the_table_leaves_out(
    bundled: Any, write: Callable[..., Path], tmp_path: Path
) -> None:
    path = write("a", *(f"bad{n}" * 40 for n in range(60)))
    told = run(path, "--report", tmp_path / "bad.csv")
    assert "… and 10 more" in told
    with (tmp_path / "bad.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["line"] for row in rows] == [str(line) for line in range(3, 63)]
    assert {row["column"] for row in rows} == {"product_id"}


def test_a_full_disk_is_a_sentence_and_the_report_is_written(
    bundled: Any, write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk.fill(monkeypatch)
    report = tmp_path / "bad.csv"
    with pytest.raises(CommandError, match=r"Stopped: The photo cannot be stored .*goes on from"):
        run(write("a", "b" * 101), "--report", report)
    assert [line.split(",")[0] for line in report.read_text().splitlines()] == ["line", "2", "3"]


def test_a_dry_run_says_that_it_is_one(bundled: Any, write: Callable[..., Path]) -> None:
    assert "Dry run, nothing is stored: 1 created" in run(write("a"), "--dry-run")
    assert not Product.objects.exists()


def test_a_dry_run_says_what_the_model_reads_of_the_texts(
    bundled: Any, write: Callable[..., Path]
) -> None:
    path = write("a", "b", "c")
    assert "reads only a part" not in run(path, "--dry-run")
    path.write_text(path.read_text().replace("text of b", "<p>A red ball</p> (Size M)"))
    told = run(path, "--dry-run")
    assert "Of 1 of 3 texts the model reads only a part" in told
    assert "Of “<p>A red ball</p> (Size M)” it reads “A red ball”." in told


def test_it_fails_where_strict_or_no_row_was_taken(
    bundled: Any, write: Callable[..., Path]
) -> None:
    with pytest.raises(CommandError, match="--strict takes all rows or none"):
        run(write("a", "a"), "--strict")
    with pytest.raises(CommandError, match="no row was good"):
        run(write("a", photo="none.jpg"))
    assert not Product.objects.exists()


def test_wrong_arguments_are_refused_in_a_sentence(
    bundled: Any, write: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="is not a file"):
        run(tmp_path / "none.csv")
    with pytest.raises(CommandError, match=r"--image-base-path is .*, which is no folder"):
        run(write("a"), "--image-base-path", tmp_path / "none")


def test_it_says_what_is_missing_before_the_set_up(db: None, write: Callable[..., Path]) -> None:
    with pytest.raises(CommandError, match=r"manage\.py setup"):
        run(write("a"))


def test_a_dry_run_says_what_the_model_cannot_read(
    bundled: Any, write: Callable[..., Path]
) -> None:
    path = write("a")
    rows = "".join(
        f"{number},1.jpg,{text}\n"
        for number, text in enumerate(
            ["Herren Winterjacke mit Kapuze", "Veste d'hiver noire avec capuche", "Rouge", "Обувь"]
        )
    )
    path.write_text(path.read_text() + rows, encoding="utf-8")
    told = run(path, "--dry-run")
    assert "3 of 5 texts are not English, and bundled reads English (" in told
    assert "Cyrillic letters 1" in told and "French 1" in told and "German 1" in told
    assert "google/siglip-base-patch16-256-multilingual reads them." in told


def test_a_dry_run_before_the_set_up_speaks_of_no_model(
    db: None, write: Callable[..., Path]
) -> None:
    assert "1 created" in run(write("a"), "--dry-run")
