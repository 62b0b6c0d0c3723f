"""Import by upload: the dry run, its report, the confirmation, and what a ZIP may not do."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from moderation.admin import upload
from moderation.models import Analysis, Product
from tests.support.photos import photo

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

IMPORT = "/admin/moderation/product/import/"
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


def send(
    client: Client, rows: str, *, photos: bytes | None = None, name: str = "shop.csv", **more: Any
) -> Any:
    sent = {"catalogue": SimpleUploadedFile(name, rows.encode()), **more}
    if photos is not None:
        sent["photos"] = SimpleUploadedFile("photos.zip", photos)
    return client.post(IMPORT, sent)


GOOD = HEADER + "A1,images/a.jpg,A red ball,Balls\nA2,images/b.jpg,A blue ball,Balls\n"
PHOTOS = archive(**{"images/a.jpg": photo("red"), "images/b.jpg": photo("blue")})


def test_the_dry_run_changes_nothing_and_the_confirmation_imports(
    lead_client: Client, kept: Path, media: Path
) -> None:
    page = send(lead_client, GOOD, photos=PHOTOS).content.decode()

    assert "Dry run of shop.csv" in page and "Import 2 rows" in page
    assert not Product.objects.exists() and not list(media.rglob("*.jpg"))

    answer = lead_client.post(IMPORT + "confirm/", follow=True)

    assert "Imported: 2 new, 0 updated, 0 unchanged" in answer.content.decode()
    assert sorted(Product.objects.values_list("external_id", "source")) == [
        ("A1", "import"),
        ("A2", "import"),
    ]
    assert Analysis.objects.pending().count() == 2
    assert list(kept.iterdir()) == []  # nothing is kept once it is imported


def test_importing_again_updates_instead_of_doubling(lead_client: Client) -> None:
    for rows in (GOOD, GOOD.replace("blue", "green")):
        send(lead_client, rows, photos=PHOTOS)
        answer = lead_client.post(IMPORT + "confirm/", follow=True)

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
    assert "Import 2 rows" in page
    lead_client.post(IMPORT + "confirm/")
    assert Product.objects.count() == 2


def test_all_or_nothing_refuses_a_file_with_a_bad_row(lead_client: Client) -> None:
    answer = send(lead_client, GOOD + "A3,,A ball,\n", photos=PHOTOS, strict="on")

    assert "no row goes in while there are bad ones" in answer.content.decode()
    lead_client.post(IMPORT + "confirm/")
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


@pytest.mark.parametrize(
    ("name", "rows", "sentence"),
    [
        ("shop.txt", GOOD, "shop.txt is not a catalogue file"),
        ("shop.csv", "id,photo\n1,2\n", "lacks the column product_id and image_path and text"),
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
        (archive(**{"a.jpg": b"0" * 3000}), "more than"),
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
    monkeypatch.setattr(upload, "BYTES_AT_MOST", 3000)
    monkeypatch.setattr(upload, "FILES_AT_MOST", 8)

    answer = send(lead_client, GOOD, photos=photos)

    assert answer.status_code == 400 and sentence in answer.content.decode()
    assert list(kept.iterdir()) == [] and not (kept.parent / "evil.jpg").exists()


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
