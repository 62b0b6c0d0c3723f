"""Labels that leave the house: which decisions, whose photo and text, and always the same bytes."""

from __future__ import annotations

import csv
import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from moderation.clip.data import spreadsheet
from moderation.models import Category, Decision, Product
from moderation.services.catalogue import intake
from moderation.services.datasets import dataset
from moderation.services.datasets.dataset_files import COLUMNS
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.datasets.formats import DEFAULT, FORMATS
from moderation.services.queries.lookup import UnknownName
from moderation.services.queue import review, review_claims, review_undo
from tests.support.factories import MakeItem, MakeUser
from tests.support.paths import ROOT
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


@pytest.fixture
def decide(make_item: MakeItem, anna: User) -> Callable[..., Decision]:
    """Makes a product and decides it: `decide("A1", "confirm", "other_product")`."""

    def decided(name: str, verdict: str, reason: str, **changes: Any) -> Decision:
        item = make_item(name, **{"similarity": 0.125, "text": f"text of {name}", **changes})
        review_claims.claim(item, moderator=anna)
        return review.decide(item, moderator=anna, verdict=verdict, reason=reason)

    return decided


@pytest.fixture
def two(decide: Make) -> list[Decision]:
    return [
        decide("A1", "confirm", "other_product", category="Mugs"),
        decide("A2", "dismiss", "matches", category="Toys", text='"Ünï", 5" high'),
    ]


def labels(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_confirmed_mismatch_is_0_and_a_dismissed_one_1(
    two: list[Decision], tmp_path: Path, anna: User
) -> None:
    manifest = dataset.export(tmp_path / "out")
    rows = labels(tmp_path / "out")
    assert [(row["product_id"], row["label"]) for row in rows] == [("A1", "0"), ("A2", "1")]
    assert (manifest.rows, manifest.matches, manifest.mismatches) == (2, 1, 1)
    row, analysis = rows[0], two[0].analysis
    assert list(row) == list(COLUMNS)
    assert rows[1]["text"] == '"Ünï", 5" high'
    assert row["category"] == "Mugs"
    assert row["moderator"] == f"m{anna.pk}"
    assert row["decided_at"] == two[0].created_at.isoformat()
    assert float(row["similarity"]) == analysis.similarity == 0.125
    assert float(row["p_mismatch"]) == analysis.p_mismatch
    assert float(row["threshold_used"]) == 0.99
    assert row["weights_sha256"] == analysis.model_version.weights_sha256
    assert (row["stratum"], float(row["sampling_probability"])) == ("flagged", 1.0)
    assert (row["picked_by"], row["in_audit"]) == (two[0].picked_by, str(int(two[0].item.in_audit)))
    assert row["content_hash"] == analysis.content_hash


def test_the_photos_lie_beside_under_their_hashes(two: list[Decision], tmp_path: Path) -> None:
    dataset.export(tmp_path / "out")
    for row in labels(tmp_path / "out"):
        data = (tmp_path / "out" / row["image_path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["image_sha256"]
        assert row["image_sha256"] in row["image_path"]


def test_without_images_the_paths_start_in_the_media_folder(
    two: list[Decision], tmp_path: Path, media: Path
) -> None:
    dataset.export(tmp_path / "out", with_images=False)
    assert sorted(bytes_of(tmp_path / "out")) == ["labels.csv", "manifest.json"]
    assert all((media / row["image_path"]).is_file() for row in labels(tmp_path / "out"))


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_decisions_give_the_same_bytes(
    two: list[Decision], tmp_path: Path, format: str
) -> None:
    dataset.export(tmp_path / "one", format=format)
    dataset.export(tmp_path / "deep" / "two", format=format)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "deep" / "two")
    first, second = BytesIO(), BytesIO()
    dataset.export_zip(first, format=format)
    dataset.export_zip(second, format=format)
    assert first.getvalue() == second.getvalue()
    with zipfile.ZipFile(first) as archive:
        unpacked = {name: archive.read(name) for name in archive.namelist()}
    assert unpacked == bytes_of(tmp_path / "one")


def test_all_formats_hold_the_same_rows(two: list[Decision], tmp_path: Path) -> None:
    for format in FORMATS:
        dataset.export(tmp_path / format, format=format)
    lines = (tmp_path / "jsonl" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows == pyarrow.parquet.read_table(tmp_path / "parquet" / "labels.parquet").to_pylist()
    assert labels(tmp_path / "csv") == [
        {column: str(value) for column, value in row.items()} for row in rows
    ]


def test_a_file_for_spreadsheets_runs_no_text_of_a_stranger(decide: Make, tmp_path: Path) -> None:
    decide("-A1", "confirm", "other_product", text='=HYPERLINK("http://evil")', category="@x")
    call_command(
        "export_labels",
        "--output-dir",
        str(tmp_path / "out"),
        "--spreadsheet-safe",
        stdout=StringIO(),
    )
    with (tmp_path / "out" / "labels.spreadsheet.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["product_id"], row["category"]) == ("'-A1", "'@x")
    assert row["text"] == '\'=HYPERLINK("http://evil")' and row["similarity"] == "0.125"
    dataset.export(tmp_path / "plain")
    assert [spreadsheet.plain(row)] == labels(tmp_path / "plain")


@pytest.mark.parametrize(("given", "said"), [([], 1), (["--spreadsheet-safe"], 0)])
def test_the_plain_file_comes_with_a_warning(
    two: list[Decision], tmp_path: Path, given: list[str], said: int
) -> None:
    out = StringIO()
    call_command("export_labels", "--output-dir", str(tmp_path / "out"), *given, stdout=out)
    assert out.getvalue().count("begin with = + - @ run as formulas in a spreadsheet") == said
    assert out.getvalue().count("--spreadsheet-safe") == said


@pytest.mark.parametrize("other", [["--format", "jsonl"], ["--snapshot"]])
def test_no_other_format_is_for_spreadsheets(tmp_path: Path, other: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command(
            "export_labels", "--output-dir", str(tmp_path / "out"), "--spreadsheet-safe", *other
        )


def test_every_format_is_named_in_the_documents() -> None:
    text = (ROOT / "docs" / "integration.md").read_text(encoding="utf-8")
    assert {"csv", "jsonl", "parquet"} <= FORMATS.keys() and DEFAULT == "csv"
    assert all(f"`{name}`" in text for name in FORMATS)
    assert f"labels.{DEFAULT}" in text


def test_the_manifest_vouches_for_the_files(two: list[Decision], tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset.export(out, filters=Filters(verdict="confirm"))
    files = bytes_of(out)
    manifest = json.loads(files["manifest.json"])
    assert manifest["labels"] == {
        "file": "labels.csv",
        "sha256": hashlib.sha256(files["labels.csv"]).hexdigest(),
    }
    assert manifest["imagefolder"] == {
        "file": "metadata.parquet",
        "sha256": hashlib.sha256(files["metadata.parquet"]).hexdigest(),
    }
    assert manifest["counts"]["rows"] == manifest["counts"]["mismatches"] == 1
    assert manifest["filters"] == {"verdict": "confirm"}
    names = "".join(f"{name}\n" for name in sorted(files) if name.startswith("images/"))
    assert manifest["images"] == {
        "included": True,
        "count": 1,
        "sha256_of_sorted_names": hashlib.sha256(names.encode()).hexdigest(),
    }


def test_photo_and_text_are_those_that_were_judged(
    two: list[Decision], tmp_path: Path, media: Path
) -> None:
    judged = two[0].analysis
    changed = intake.Listing("A1", "Another text", photo("green", mark=77))
    intake.take(changed, source="import")
    dataset.export(tmp_path / "out")
    row = labels(tmp_path / "out")[0]
    assert (row["text"], row["image_sha256"]) == ("text of A1", judged.image_sha256)
    assert Product.objects.get(external_id="A1").image_sha256 != judged.image_sha256
    assert (tmp_path / "out" / row["image_path"]).read_bytes() == (
        media / judged.image
    ).read_bytes()


def test_what_was_undone_is_no_label_until_it_is_decided_again(
    two: list[Decision], tmp_path: Path, anna: User
) -> None:
    item = review_undo.undo(moderator=anna)
    dataset.export(tmp_path / "undone")
    assert [row["product_id"] for row in labels(tmp_path / "undone")] == ["A1"]
    review.decide(item, moderator=anna, verdict="confirm", reason="other_colour")
    dataset.export(tmp_path / "again")
    assert labels(tmp_path / "again")[-1]["label"] == "0"


def test_of_two_decisions_on_one_content_the_newest_counts_whatever_the_filter(
    two: list[Decision], tmp_path: Path, make_user: MakeUser
) -> None:
    old = two[0]
    Decision.objects.create(
        item=old.item,
        analysis=old.analysis,
        moderator=make_user("lea", group="lead"),
        verdict="dismiss",
        reason="close_enough",
    )
    dataset.export(tmp_path / "out")
    rows = labels(tmp_path / "out")
    assert {row["product_id"]: row["label"] for row in rows} == {"A1": "1", "A2": "1"}
    with pytest.raises(dataset.DatasetError, match="No decision"):
        dataset.export(tmp_path / "none", filters=Filters(verdict="confirm"))


def test_what_the_photo_cannot_tell_is_left_out_and_counted(
    two: list[Decision], decide: Make, tmp_path: Path
) -> None:
    decide("A3", "dismiss", "unclear")
    decide("A4", "confirm", "unusable_photo")
    manifest = dataset.export(tmp_path / "out")
    assert [row["product_id"] for row in labels(tmp_path / "out")] == ["A1", "A2", "A4"]
    assert manifest.unclear == 1
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert counts["left_out_unclear"] == 1


def test_a_lost_or_changed_photo_costs_its_row_and_is_told(
    two: list[Decision], decide: Make, tmp_path: Path, media: Path
) -> None:
    (media / two[0].analysis.image).unlink()
    (media / two[1].analysis.image).write_bytes(photo(mark=5))
    decide("A3", "dismiss", "matches")
    manifest = dataset.export(tmp_path / "out")
    assert [row["product_id"] for row in labels(tmp_path / "out")] == ["A3"]
    assert manifest.without_photo == ["A1", "A2"]


def test_filters(two: list[Decision], tmp_path: Path, bundled: Any) -> None:
    first, second = two

    def chosen(name: str, **filters: Any) -> list[str]:
        dataset.export(tmp_path / name, filters=Filters(**filters))
        return [row["product_id"] for row in labels(tmp_path / name)]

    assert chosen("category", category="mugs") == ["A1"]
    assert chosen("model", model=bundled.name) == ["A1", "A2"]
    assert chosen("verdict", verdict="dismiss") == ["A2"]
    assert chosen("since", since=second.created_at) == ["A2"]
    assert chosen("until", until=second.created_at) == ["A1"]
    assert chosen("ids", decision_ids=(first.pk,)) == ["A1"]
    with pytest.raises(UnknownName, match="There is no category “Mugz”; near: Mugs"):
        chosen("unknown", category="Mugz")
    assert Category.objects.count() == 2


def test_nothing_half_written_is_left_behind(
    two: list[Decision], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset, "_photo", full)
    target = tmp_path / "exports" / "out"
    with pytest.raises(dataset.DatasetError, match="No space left on device"):
        dataset.export(target)
    assert list(target.parent.iterdir()) == []


def test_an_empty_folder_is_used_and_a_full_one_refused(
    two: list[Decision], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    dataset.export(out)
    before = bytes_of(out)
    with pytest.raises(dataset.DatasetError, match="is not empty"):
        dataset.export(out)
    assert bytes_of(out) == before


def test_more_decisions_take_no_more_queries(decide: Make, tmp_path: Path) -> None:
    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            dataset.export(tmp_path / name)
        return len(captured)

    decide("A1", "confirm", "other_product")
    few = queries("few")
    for number in range(2, 12):
        decide(f"A{number}", "dismiss", "matches")
    assert queries("many") == few


def test_the_command(two: list[Decision], tmp_path: Path) -> None:
    out = StringIO()
    tomorrow = (two[0].created_at + timedelta(days=1)).date()
    arguments = ["--output-dir", str(tmp_path / "out"), "--until", str(tomorrow)]
    call_command("export_labels", *arguments, "--format", "jsonl", stdout=out)
    assert "2 labels in" in out.getvalue()
    assert "1 matches, 1 mismatches" in out.getvalue()
    with pytest.raises(CommandError, match="is not empty"):
        call_command("export_labels", *arguments)
    with pytest.raises(CommandError, match="There is no model version “bundeld”; near: bundled"):
        call_command("export_labels", "--output-dir", str(tmp_path / "x"), "--model", "bundeld")
    with pytest.raises(CommandError, match="is no date; write 2026-05-31"):
        call_command("export_labels", "--output-dir", str(tmp_path / "x"), "--since", "May")
