"""Import by upload: the dry run, its report, the confirmation, and what a ZIP may not do."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.test import Client

from moderation.models import Analysis, Product
from moderation.services.catalogue import photo_archive
from tests.support import full_disk
from tests.support.import_pages import IMPORT, form, press, send
from tests.support.photos import photo

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

HEADER = "product_id,image_path,text,category\n"


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path: Path) -> Path:
    """The folder of kept uploads."""
    settings.IMPORT_DIR = tmp_path / "imports"
    return tmp_path / "imports"


@pytest.fixture
def lead_client(bundled: Any, lead_client: Client) -> Client:
    return lead_client


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


GOOD = HEADER + "A1,images/a.jpg,A red ball,Balls\nA2,images/b.jpg,A blue ball,Balls\n"
PHOTOS = archive(**{"images/a.jpg": photo("red"), "images/b.jpg": photo("blue")})


def test_the_dry_run_changes_nothing_and_the_confirmation_imports(
    lead_client: Client, kept: Path, media: Path
) -> None:
    shown = send(lead_client, GOOD, photos=PHOTOS)

    page = shown.content.decode()
    assert "Dry run of shop.csv" in page and "Import 2 rows" in page
    assert "reads only a part" not in page
    assert not Product.objects.exists() and not list(media.rglob("*.jpg"))

    answer = press(lead_client, shown, "Import 2 rows")

    assert "Imported: 2 new, 0 updated, 0 unchanged" in answer.content.decode()
    assert sorted(Product.objects.values_list("external_id", "source")) == [
        ("A1", "import"),
        ("A2", "import"),
    ]
    assert Analysis.objects.pending().count() == 2
    assert list(kept.iterdir()) == []  # nothing is kept once it is imported


def test_a_full_disk_stops_the_import_with_a_sentence(
    lead_client: Client, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = send(lead_client, GOOD, photos=PHOTOS)
    full_disk.fill(monkeypatch, after=1)

    page = press(lead_client, shown, "Import").content.decode()

    assert "Imported: 1 new, 0 updated, 0 unchanged, 1 bad rows left out" in page
    assert "Stopped before the end of the file: The photo cannot be stored" in page
    assert len([path for path in media.rglob("*") if path.is_file()]) == 1


SHOPIFY = (
    "Handle,Title,Image Src\nmug,Mug,https://cdn.shop.example/1.jpg\n"
    "mug,,https://cdn.shop.example/2.jpg\n"
)


def test_what_a_shop_exports_is_shown_as_it_was_recognised(lead_client: Client) -> None:
    shown = send(lead_client, SHOPIFY)
    page = " ".join(shown.content.decode().split())

    assert "Shopify: has the columns Handle, Title and Image Src." in page
    assert "Photos to fetch from their addresses: 2;" in page and "Import 1 row" in page
    press(lead_client, shown, "Import")
    assert Product.objects.get(external_id="mug").photos.count() == 2


FEED = (
    '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>A1</g:id>'
    "<g:title>Vase</g:title><g:image_link>https://cdn.shop.example/1.jpg</g:image_link>"
    "</item></channel></rss>"
)


def test_feeds_and_workbooks_are_taken(lead_client: Client) -> None:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in csv.reader(SHOPIFY.splitlines()):
        book.active.append(row)
    book.save(buffer)
    for name, data in (("feed.xml", FEED), ("shop.xlsx", buffer.getvalue())):
        report = send(lead_client, data, name=name).context["report"]
        assert (report.created, report.bad_rows) == (1, [])
    page = lead_client.get(IMPORT).content.decode()
    assert ".xlsx" in page and ".xml" in page


def test_importing_again_updates_instead_of_doubling(lead_client: Client) -> None:
    for rows in (GOOD, GOOD.replace("blue", "green")):
        answer = press(lead_client, send(lead_client, rows, photos=PHOTOS), "Import")

    assert "0 new, 1 updated, 1 unchanged" in answer.content.decode()
    assert Product.objects.count() == 2


def test_bad_rows_are_listed_with_line_column_and_reason(
    lead_client: Client, settings: Any
) -> None:
    rows = GOOD + "A3,images/gone.jpg,A ball,\nA4,images/a.jpg,,\nA5,../../etc/passwd,A ball,\n"

    answer = send(lead_client, rows, photos=PHOTOS)

    listed = [(row.line, row.column) for row in answer.context["report"].bad_rows]
    assert listed == [(4, "image_path"), (5, "text"), (6, "image_path")]
    page = answer.content.decode()
    assert "The photo images/gone.jpg does not exist" in page
    assert "leads out of the image folder" in page
    assert str(settings.IMPORT_DIR) not in page
    press(lead_client, answer, "Import 2 rows")
    assert Product.objects.count() == 2


def test_all_or_nothing_refuses_a_file_with_a_bad_row(lead_client: Client) -> None:
    answer = send(lead_client, GOOD + "A3,,A ball,\n", photos=PHOTOS, strict="on")

    assert "no row goes in while there are bad ones" in answer.content.decode()
    lead_client.post(IMPORT + "confirm/", form(answer))
    assert not Product.objects.exists()


def test_without_a_zip_paths_start_in_the_image_folder(lead_client: Client, media: Path) -> None:
    (media / "shop").mkdir()
    (media / "shop" / "a.jpg").write_bytes(photo())
    outside = media.parent / "secret.jpg"
    outside.write_bytes(photo())
    rows = f"A1,shop/a.jpg,A ball,\nA2,{outside},A ball,\nA3,../secret.jpg,A ball,\n"

    report = send(lead_client, HEADER + rows).context["report"]

    assert report.created == 1
    assert [row.line for row in report.bad_rows] == [3, 4]


def test_the_page_says_how_the_file_was_read_and_what_looks_odd(lead_client: Client) -> None:
    rows = GOOD.replace(",", ";").replace("A1", "8.90123E+12").replace("red", "Größe")

    page = send(lead_client, rows.encode("cp1252"), photos=PHOTOS).content.decode()

    assert "Read as cp1252, columns divided by semicolons." in page
    assert "that a spreadsheet seems to have changed: 8.90123E+12 (line 2)." in page
    assert "Import 2 rows" in page


def test_objects_a_line_are_taken_by_either_ending(lead_client: Client) -> None:
    row = '{"product_id": "A1", "image_path": "images/a.jpg", "text": "A red ball"}\n'
    for name in ("shop.jsonl", "shop.NDJSON"):
        assert send(lead_client, row, photos=PHOTOS, name=name).context["report"].created == 1
    assert ".ndjson" in lead_client.get(IMPORT).content.decode()


def test_a_long_name_in_letters_of_two_bytes_is_taken(lead_client: Client) -> None:
    assert send(lead_client, GOOD, photos=PHOTOS, name="обувь" * 40 + ".csv").status_code == 200


def test_bad_rows_are_listed_with_their_product(lead_client: Client) -> None:
    rows = GOOD + f"A3,,A ball,\n{'x' * 140_000},,A ball,\n"

    page = send(lead_client, rows, photos=PHOTOS).content.decode()

    assert "<td>A3</td>" in page and f"<td>{'x' * 100}</td>" in page


def test_photos_that_are_all_missing_are_one_sentence(lead_client: Client) -> None:
    rows = HEADER + "".join(f"A{n},images/{n}.jpg,A ball,\n" for n in range(307)) + "B,,A ball,\n"

    page = " ".join(send(lead_client, rows).content.decode().split())

    assert "There is no photo for 307 rows in the server’s image folder" in page
    assert "Send the photos along in a ZIP" in page
    _, dry_run = page.split("Dry run of shop.csv")
    assert "does not exist" not in dry_run and "image_path is empty" in dry_run
    assert "There is nothing to import" in dry_run

    page = " ".join(send(lead_client, rows, photos=PHOTOS).content.decode().split())

    assert "There is no photo for 307 rows in the ZIP" in page
    assert "image_path is the path inside the ZIP" in page


@pytest.mark.parametrize(
    ("name", "rows", "sentence"),
    [
        ("shop.doc", GOOD, "shop.doc is not a catalogue file"),
        ("shop.csv", "", "The submitted file is empty"),
        ("shop.csv", "\n\n", "has no rows"),
        ("shop.csv", "id,photo\n", "has no rows"),
        ("shop.csv", HEADER, "has no rows"),
        ("shop.parquet", "x", "is not a whole Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_gets_a_sentence(
    lead_client: Client, kept: Path, name: str, rows: str, sentence: str
) -> None:
    answer = send(lead_client, rows, name=name)

    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert not kept.exists() or list(kept.iterdir()) == []


def with_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        entry = zipfile.ZipInfo("images/a.jpg")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("photos", "sentence"),
    [
        (b"no zip", "The ZIP cannot be read"),
        (archive(**{"../evil.jpg": b"x"}), "leads out of it"),
        (archive(**{"/evil.jpg": b"x"}), "leads out of it"),
        (archive(**{"a\\..\\evil.jpg": b"x"}), "leads out of it"),
        (archive(**{f"{n}.jpg": b"0" * 900 for n in range(4)}), "unpacks to more than"),
        (archive(**{f"{n}.jpg": b"0" for n in range(9)}), "holds 9 files"),
    ],
)
def test_a_zip_that_is_broken_too_large_or_leads_out_is_refused(
    lead_client: Client,
    kept: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    photos: bytes,
    sentence: str,
) -> None:
    settings.MAX_UPLOAD_BYTES = 2000
    monkeypatch.setattr(photo_archive, "BYTES_AT_MOST", 3000)
    monkeypatch.setattr(photo_archive, "FILES_AT_MOST", 8)

    answer = send(lead_client, GOOD, photos=photos)

    assert answer.status_code == 400 and sentence in answer.content.decode()
    assert list(kept.iterdir()) == [] and not (kept.parent / "evil.jpg").exists()


def test_a_photo_that_is_too_large_refuses_its_own_rows_alone(
    lead_client: Client, kept: Path, settings: Any
) -> None:
    settings.MAX_UPLOAD_MB, settings.MAX_UPLOAD_BYTES = 0.01, 10_000
    photos = archive(**{"images/a.jpg": photo() + b"0" * 40_000, "images/b.jpg": photo("blue")})

    answer = send(lead_client, GOOD, photos=photos)

    assert [(row.line, row.reason) for row in answer.context["report"].bad_rows] == [
        (2, "The image has 0.0 MB; at most 0.01 MB are accepted.")
    ]
    assert answer.context["report"].created == 1


def test_an_upload_that_finds_no_room_is_a_sentence_and_leaves_nothing(
    lead_client: Client, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_disk.limited(100):
        answer = send(lead_client, GOOD, photos=PHOTOS)

    assert answer.status_code == 507
    assert "The upload cannot be kept (File too large); make room" in answer.content.decode()
    assert list(kept.iterdir()) == []


def test_a_link_in_a_zip_is_unpacked_as_a_plain_file(lead_client: Client, kept: Path) -> None:
    send(lead_client, GOOD, photos=with_link())

    assert not any(path.is_symlink() for path in kept.rglob("*"))


def test_a_confirmation_without_an_upload_changes_nothing(lead_client: Client) -> None:
    answer = lead_client.post(IMPORT + "confirm/", follow=True)

    assert "upload it again" in answer.content.decode()
    assert lead_client.get(IMPORT + "confirm/").status_code == 302
    assert not Product.objects.exists()


def test_a_new_upload_takes_the_place_of_the_one_before(lead_client: Client, kept: Path) -> None:
    send(lead_client, GOOD, photos=PHOTOS)
    send(lead_client, GOOD, photos=PHOTOS)

    assert len(list(kept.iterdir())) == 1
