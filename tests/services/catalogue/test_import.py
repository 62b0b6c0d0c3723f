"""Importing a catalogue: what goes in, what is refused, and what a second run does."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from moderation.models import Analysis, Category, Product
from moderation.services.catalogue import catalogue_import
from moderation.services.catalogue.catalogue_import import BadRow, import_catalogue
from moderation.services.registry.versions import NoActiveModel
from tests.support import full_disk
from tests.support.factories import RunWorker
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

Row = tuple[str, ...]


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Path]:
    """Writes a catalogue of (id, photo, text, category) rows beside the photos 1.jpg to 9.jpg."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for number in range(1, 10):
        (folder / f"{number}.jpg").write_bytes(photo(mark=number))

    def write(*rows: Row, columns: str = "product_id,image_path,text,category") -> Path:
        path = folder / "catalogue.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([columns.split(","), *rows])
        return path

    return write


A, B = ("a", "1.jpg", "A red ball", "Toys"), ("b", "2.jpg", "A red cup", "Mugs")


def stored_photos(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def test_good_rows_become_products_with_pending_analyses(
    bundled: Any, shop: Callable[..., Path], media: Path
) -> None:
    report = import_catalogue(shop(A, B))
    assert (report.created, report.updated, report.unchanged, report.bad_rows) == (2, 0, 0, [])
    product = Product.objects.get(external_id="a")
    assert (product.text, str(product.category), product.source) == ("A red ball", "Toys", "import")
    assert (media / product.image.name).read_bytes() == photo(mark=1)
    assert product.analyses.get().content_hash == product.content_hash


def test_bad_rows_are_reported_while_the_good_ones_go_in(
    bundled: Any, shop: Callable[..., Path], media: Path
) -> None:
    path = shop(
        A,
        ("", "2.jpg", "no id", ""),
        ("c", "none.jpg", "no photo", ""),
        ("d", "4.jpg", "", ""),
        ("e", "5.jpg", "x" * 10_001, ""),
        ("a", "6.jpg", "again", ""),
        ("f", "broken.jpg", "broken photo", ""),
        ("g", "", "no path", ""),
        ("h", "ftp://example.org/1.jpg", "elsewhere", ""),
        ("i", ".", "a folder", ""),
        ("j", "7.jpg", "cut", "c" * 101),
        ("k", "8.jpg"),
        B,
    )
    (path.parent / "broken.jpg").write_bytes(photo()[:300])
    report = import_catalogue(path)
    assert report.created == 2
    assert [(row.line, row.column) for row in report.bad_rows] == [
        (3, "product_id"),
        (4, "image_path"),
        (5, "text"),
        (6, "text"),
        (7, "product_id"),
        (8, "image_path"),
        (9, "image_path"),
        (10, "image_path"),
        (11, "image_path"),
        (12, "category"),
        (13, "text"),
    ]
    assert "line 2 already" in report.bad_rows[4].reason
    assert not any(str(path.parent) in row.reason for row in report.bad_rows)
    assert len(stored_photos(media)) == 2


def test_half_characters_and_nul_spoil_their_own_row_only(
    bundled: Any, shop: Callable[..., Path], tmp_path: Path
) -> None:
    good = {"product_id": "a", "image_path": "1.jpg", "text": "A red ball", "seller": "anna"}
    rows = [good] + [
        {**good, "product_id": f"{column} {number}", column: f"bad {character} text"}
        for column in ("product_id", "text", "image_path", "category", "seller")
        for number, character in enumerate(("\ud800", "\x00"))
    ]
    path = shop(A).with_name("catalogue.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {**good, "product_id": "z"}]))
    bad = tmp_path / "bad.csv"
    call_command("import_products", str(path), "--report", str(bad))
    assert set(Product.objects.values_list("external_id", flat=True)) == {"a", "z"}
    with bad.open(encoding="utf-8") as file:
        reported = [(row["line"], row["column"]) for row in csv.DictReader(file)]
    columns = ("product_id", "text", "image_path", "category", "seller")
    assert reported == [(str(2 + n), columns[n // 2]) for n in range(10)]
    assert "half a character" in bad.read_text() and "NUL" in bad.read_text()


def test_running_it_again_changes_nothing(bundled: Any, shop: Callable[..., Path]) -> None:
    path = shop(A, B)
    import_catalogue(path)
    before = list(Product.objects.values())
    report = import_catalogue(path)
    assert (report.created, report.updated, report.unchanged) == (0, 0, 2)
    assert list(Product.objects.values()) == before
    assert Analysis.objects.count() == 2


def test_what_changed_is_updated_and_asked_about(
    bundled: Any, shop: Callable[..., Path], run_worker: RunWorker
) -> None:
    import_catalogue(shop(A, B))
    run_worker()
    before = Product.objects.get(external_id="a")
    report = import_catalogue(shop(("a", "3.jpg", "A red ball", "toys"), B))
    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)
    after = Product.objects.get(external_id="a")
    assert after.image_sha256 != before.image_sha256
    assert after.updated_at > before.updated_at
    assert Analysis.objects.pending().get().product == after


def test_a_file_without_categories_leaves_them_alone_and_an_empty_cell_empties(
    bundled: Any, shop: Callable[..., Path]
) -> None:
    import_catalogue(shop(A, B))
    report = import_catalogue(shop(A[:3], B[:3], columns="product_id,image_path,text"))
    assert report.unchanged == 2
    import_catalogue(shop((*A[:3], ""), B))
    assert Product.objects.get(external_id="a").category is None
    assert str(Product.objects.get(external_id="b").category) == "Mugs"


def test_categories_are_found_in_any_case_and_made_once(
    bundled: Any, shop: Callable[..., Path]
) -> None:
    Category.objects.create(name="Mugs")
    rows = [(str(n), f"{n}.jpg", "t", name) for n, name in enumerate(["MUGS", "Röcke", "röcke"], 1)]
    import_catalogue(shop(*rows))
    assert sorted(Category.objects.values_list("name", flat=True)) == ["Mugs", "Röcke"]


def test_a_dry_run_foresees_and_stores_nothing(
    bundled: Any, shop: Callable[..., Path], media: Path
) -> None:
    import_catalogue(shop(A, B))
    photos = stored_photos(media)
    path = shop(
        A, ("b", "2.jpg", "A red cup", "New"), ("c", "3.jpg", "t", ""), ("d", "no", "t", "")
    )
    report = import_catalogue(path, dry_run=True)
    assert (report.created, report.updated, report.unchanged) == (1, 1, 1)
    assert len(report.bad_rows) == 1
    assert Product.objects.count() == Analysis.objects.count() == 2
    assert not Category.objects.filter(name="New").exists()
    assert stored_photos(media) == photos
    again = import_catalogue(path)
    assert (again.created, again.updated, again.unchanged) == (1, 1, 1)


def test_strict_takes_nothing_where_a_row_of_a_later_chunk_is_bad(
    bundled: Any, shop: Callable[..., Path], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_import, "CHUNK", 1)
    report = import_catalogue(shop(A, B, ("c", "none.jpg", "t", "")), strict=True)
    assert (report.good, [row.line for row in report.bad_rows]) == (0, [4])
    assert Product.objects.count() == Category.objects.count() == 0
    assert stored_photos(media) == []
    report = import_catalogue(shop(A, B), strict=True)
    assert (report.created, Analysis.objects.pending().count()) == (2, 2)


def test_strict_keeps_nothing_of_the_rows_when_it_breaks_off(
    bundled: Any, shop: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moderation.services.scoring import analyze

    asked = []

    def broken(products: list[Product], **options: Any) -> int:
        asked.append(products)
        if len(asked) == 2:
            raise OSError("the disk is full")
        return 0

    monkeypatch.setattr(catalogue_import, "CHUNK", 1)
    monkeypatch.setattr(analyze, "request", broken)
    with pytest.raises(OSError, match="disk"):
        import_catalogue(shop(A, B), strict=True)
    assert Product.objects.count() == 0
    asked.clear()
    with pytest.raises(OSError, match="disk"):
        import_catalogue(shop(A, B))
    assert Product.objects.get().external_id == "a"  # the first chunk is whole, the second is not


def test_paths_lead_out_of_the_folder_only_where_that_is_allowed(
    bundled: Any, shop: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "outside.jpg").write_bytes(photo(mark=99))
    path = shop(
        ("a", str(tmp_path / "outside.jpg"), "absolute", ""),
        ("b", "../outside.jpg", "up", ""),
        ("c", "link.jpg", "by a link", ""),
        ("d", "sub/../1.jpg", "inside", ""),
    )
    (path.parent / "sub").mkdir()
    (path.parent / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    report = import_catalogue(path, allow_absolute=False)
    assert [(row.line, row.column) for row in report.bad_rows] == [
        (line, "image_path") for line in (2, 3, 4)
    ]
    assert report.created == 1
    assert import_catalogue(path).created == 3


def test_relative_paths_start_at_the_folder_that_was_given(
    bundled: Any, shop: Callable[..., Path], tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere.csv"
    shop(A).rename(moved)
    assert import_catalogue(moved).bad_rows[0].column == "image_path"
    assert import_catalogue(moved, image_base_path=tmp_path / "shop").created == 1


def test_a_photo_that_vanished_from_the_media_folder_is_stored_again(
    bundled: Any, shop: Callable[..., Path], media: Path
) -> None:
    path = shop(A)
    import_catalogue(path)
    stored_photos(media)[0].unlink()
    assert import_catalogue(path).unchanged == 1
    assert stored_photos(media)[0].read_bytes() == photo(mark=1)


def test_too_large_a_photo_is_refused_unread(
    bundled: Any, shop: Callable[..., Path], settings: Any
) -> None:
    settings.MAX_UPLOAD_MB, settings.MAX_UPLOAD_BYTES = 1, 2**20
    path = shop(("a", "big.jpg", "t", ""))
    with (path.parent / "big.jpg").open("wb") as file:
        file.truncate(3 * 2**20)
    assert import_catalogue(path).bad_rows == [
        BadRow(2, "image_path", "The image has 3.0 MB; at most 1 MB are accepted.")
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_a_full_disk_stops_the_import_where_it_is(
    bundled: Any,
    shop: Callable[..., Path],
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    strict: bool,
) -> None:
    monkeypatch.setattr(catalogue_import, "CHUNK", 2)
    path = shop(A, B, *((f"c{n}", f"{n}.jpg", "A ball", "") for n in range(3, 8)))
    with monkeypatch.context() as patch:
        full_disk.fill(patch, after=2)
        report = import_catalogue(path, strict=strict)

    assert "make room on the disk" in report.stopped
    assert [row.line for row in report.bad_rows] == [4, 5]  # the chunk in which it was noticed
    assert report.created == Product.objects.count() == (0 if strict else 2)
    assert len(stored_photos(media)) == 2  # whole ones
    again = import_catalogue(path, strict=strict)  # once there is room
    assert (again.good, again.bad_rows, again.stopped) == (7, [], "")


@pytest.mark.any_database
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite can be given a size")
@pytest.mark.parametrize("strict", [False, True])
def test_a_database_without_room_stops_the_import(
    bundled: Any, shop: Callable[..., Path], strict: bool
) -> None:
    path = shop(*((f"p{n}", "1.jpg", f"{n} " * 100, "Toys") for n in range(600)))
    with full_disk.database(pages=180):
        report = import_catalogue(path, strict=strict)

    assert "The database has no room left (database or disk is full)" in report.stopped
    assert report.created == Product.objects.count()
    whole_chunks = (0,) if strict else (catalogue_import.CHUNK, 2 * catalogue_import.CHUNK)
    assert report.created in whole_chunks


def test_a_chunk_costs_a_handful_of_queries_however_many_rows_it_has(
    bundled: Any, shop: Callable[..., Path]
) -> None:
    def queries(count: int, prefix: str) -> int:
        rows = [(f"{prefix}{n}", f"{n % 9 + 1}.jpg", f"text {n}", "Toys") for n in range(count)]
        path = shop(*rows)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            import_catalogue(path)
        return len(captured)

    queries(1, "warm up")
    # SQLite takes 999 values in a statement, so 95 more rows are a few more statements.
    assert queries(100, "many") <= queries(5, "few") + 5


def test_progress_counts_every_row_up_to_the_last(bundled: Any, shop: Callable[..., Path]) -> None:
    seen: list[tuple[int, int]] = []
    import_catalogue(shop(A, B), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)
    import_catalogue(shop(A, B), strict=True, progress=lambda *pair: seen.append(pair))
    assert seen[-1] == (4, 4)


def test_it_says_so_where_no_model_was_set_up(db: None, shop: Callable[..., Path]) -> None:
    with pytest.raises(NoActiveModel):
        import_catalogue(shop(A))


def test_an_import_loads_no_model_code() -> None:
    code = (
        "import django, sys; django.setup();"
        "import moderation.management.commands.import_products, pandas, pyarrow.parquet;"
        "print([m for m in ('torch', 'transformers', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "clipmod.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_an_import_repairs_photos_that_are_not_whole(
    bundled: Any, shop: Callable[..., Path], media: Path
) -> None:
    import_catalogue(shop(A, B))
    first, second = (media / str(one.image) for one in Product.objects.order_by("external_id"))
    first.write_bytes(b"")
    second.write_bytes(photo(mark=2)[:-9])

    report = import_catalogue(shop(A, B))
    assert (report.unchanged, report.bad_rows) == (2, [])
    assert (first.read_bytes(), second.read_bytes()) == (photo(mark=1), photo(mark=2))
