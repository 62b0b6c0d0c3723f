"""The folder of a snapshot and the command that makes it: whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from moderation.services.datasets import dataset, snapshot_photos, snapshots
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.datasets.snapshot_manifest import SnapshotManifest
from tests.support.factories import MakeItem, MakeProduct
from tests.support.photos import photo
from tests.support.snapshot_shop import deciding, products, read, unlike

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_gold(settings: Any) -> None:
    settings.GOLD_SHARE = 0.0


@pytest.fixture
def decide(make_item: MakeItem, anna: User) -> Make:
    return deciding(make_item, anna)


def test_without_images_the_paths_start_in_the_media_folder(
    decide: Make, tmp_path: Path, media: Path
) -> None:
    decide("A1", "dismiss")
    snapshots.build(tmp_path / "out", with_images=False)
    rows = read(tmp_path / "out")
    assert not (tmp_path / "out" / "images").exists()
    assert all((media / row["image_path"]).is_file() for part in rows.values() for row in part)


def test_photos_lie_in_the_folders_of_the_parts_that_show_them(
    decide: Make, make_product: MakeProduct, tmp_path: Path
) -> None:
    for number in range(12):
        decide(f"A{number}", "confirm" if number % 2 else "dismiss")
    make_product("B1", image=unlike("B1"))
    snapshots.build(tmp_path / "out")
    rows = read(tmp_path / "out")
    for part in snapshots.PARTS:
        assert all(row["image_path"].startswith(f"{part}/images/") for row in rows[part])
    shown = {row["image_path"] for part in rows.values() for row in part}
    assert shown == {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")
    }
    train = {row["image_sha256"]: row["image_path"] for row in rows["train"]}
    listed = {row["image_sha256"]: row["image_path"] for row in rows["listings"]}
    assert train.keys() & listed.keys() and "B1" in products(rows, "listings")
    for sha256, path in listed.items():
        assert path == train.get(sha256, path)
        assert path.startswith("listings/") or sha256 in train


def test_gold_and_test_may_share_a_photo(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(b"photo")
    manifest = SnapshotManifest(Filters(), 0, True, 0, 0.0, "")
    parts = {"test": [{"image_path": "images/a.jpg"}], "gold": [{"image_path": "images/a.jpg"}]}
    snapshot_photos.give_out(parts, tmp_path, manifest)
    for part, (row,) in parts.items():
        assert row["image_path"] == f"{part}/images/a.jpg"
        assert (tmp_path / row["image_path"]).read_bytes() == b"photo"
    assert manifest.images == {"test/images/a.jpg", "gold/images/a.jpg"}


def test_a_lost_or_changed_photo_costs_its_row_and_is_told(
    decide: Make, tmp_path: Path, media: Path
) -> None:
    (media / decide("A1", "confirm").analysis.image).unlink()
    (media / decide("A2", "confirm").analysis.image).write_bytes(photo(mark=5))
    decide("A3", "dismiss")
    manifest = snapshots.build(tmp_path / "out")
    assert manifest.without_photo == ["A1", "A2"]
    assert products(read(tmp_path / "out"), *snapshots.PARTS, "listings") == {"A3"}


def test_nothing_half_written_is_left_behind(
    decide: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    decide("A1", "confirm")
    monkeypatch.setattr(snapshots, "_write", full)
    target = tmp_path / "snapshots" / "out"
    with pytest.raises(dataset.DatasetError, match="No space left on device"):
        snapshots.build(target)
    assert list(target.parent.iterdir()) == []


def test_more_decisions_take_no_more_queries(decide: Make, tmp_path: Path) -> None:
    def queries(name: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            snapshots.build(tmp_path / name)
        return len(captured)

    decide("A1", "confirm")
    decide("B1", "dismiss")
    few = queries("few")
    for number in range(2, 9):
        decide(f"A{number}", "dismiss")
    assert queries("many") == few


def test_the_command(decide: Make, tmp_path: Path) -> None:
    out = StringIO()
    decide("A1", "confirm")
    decide("A2", "dismiss", "unclear")
    arguments = ["--snapshot", "--output-dir", str(tmp_path / "out")]
    call_command("export_labels", *arguments, stdout=out)
    assert "1 labels in" in out.getvalue()
    assert "gold.csv" in out.getvalue()
    assert "1 excluded: “Cannot be told from the photo” is no label." in out.getvalue()
    with pytest.raises(CommandError, match="is not empty"):
        call_command("export_labels", *arguments)
    with pytest.raises(CommandError, match="leave out --format"):
        call_command("export_labels", *arguments, "--format", "jsonl")


def test_without_any_decision_there_is_no_snapshot(bundled: Any, tmp_path: Path) -> None:
    with pytest.raises(dataset.DatasetError, match="No decision gives a label"):
        snapshots.build(tmp_path / "out")
    assert not (tmp_path / "out").exists()
