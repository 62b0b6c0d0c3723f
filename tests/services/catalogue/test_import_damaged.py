"""Damaged files get a sentence: from the command, on the page, in a dry run."""

from __future__ import annotations

import json
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from moderation.models import Product
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

PAGE = "/admin/moderation/product/import/"
GOOD = {"product_id": "K1", "image_path": "a.jpg", "text": "Red"}


@pytest.fixture
def folder(bundled: Any, tmp_path: Path, settings: Any) -> Path:
    settings.IMPORT_DIR = tmp_path / "imports"
    (tmp_path / "a.jpg").write_bytes(photo())
    return tmp_path


def run(path: Path, **options: Any) -> str:
    """What a terminal in UTF-8 shows: one that cannot show half characters."""
    out = TextIOWrapper(BytesIO(), encoding="utf-8")
    call_command("import_products", str(path), stdout=out, **options)
    out.seek(0)
    return out.read()


def upload(client: Client, path: Path) -> Any:
    return client.post(PAGE, {"catalogue": SimpleUploadedFile(path.name, path.read_bytes())})


def parquet(path: Path, *, names: tuple[str, ...] = tuple(GOOD)) -> Path:
    columns = ([f"P{n}" for n in range(3000)], ["a.jpg"] * 3000, [f"Red {n}" for n in range(3000)])
    pyarrow.parquet.write_table(pyarrow.table(dict(zip(names, columns, strict=True))), path)
    return path


def test_a_parquet_file_that_is_damaged_in_the_middle(folder: Path, lead_client: Client) -> None:
    path = parquet(folder / "c.parquet")
    data = bytearray(path.read_bytes())
    start = len(data) // 3
    data[start : start + 400] = bytes(255 - byte for byte in data[start : start + 400])
    path.write_bytes(data)
    for options in ({}, {"dry_run": True}, {"strict": True}):
        with pytest.raises(CommandError, match="is not a whole Parquet file"):
            run(path, **options)
    answer = upload(lead_client, path)
    assert (answer.status_code, Product.objects.count()) == (400, 0)
    assert "is not a whole Parquet file" in answer.content.decode()


def test_a_parquet_file_with_a_name_that_is_not_utf_8(folder: Path, lead_client: Client) -> None:
    path = parquet(folder / "c.parquet")
    path.write_bytes(path.read_bytes().replace(b"image_path", b"image\xff\xfepth"))
    with pytest.raises(CommandError, match=r"c\.parquet"):
        run(path)
    assert upload(lead_client, path).status_code == 400


def test_a_file_whose_own_name_is_not_utf_8(folder: Path) -> None:
    path = folder / "caf\udce9.csv"
    path.write_text("product_id,image_path,text\nA1,a.jpg,Red\nA2,,Red\n")
    report = folder / "bad\udce9.csv"
    told = run(path, report=report)
    assert "1 created" in told and "bad\\udce9.csv" in told
    assert report.exists()


@pytest.mark.parametrize("more", [{"tag\ud83d": 1}, {"note": "half \ud83d"}])
def test_half_characters_in_what_is_not_used_harm_nothing(
    folder: Path, lead_client: Client, more: dict[str, Any]
) -> None:
    path = folder / "c.jsonl"
    path.write_text(json.dumps(GOOD | more) + "\n")
    assert "1 created" in run(path)
    answer = upload(lead_client, path)
    assert answer.status_code == 200
    named = "tag\\ud83d" if "note" not in more else "note"
    assert f"Columns that are not used: {named}." in answer.content.decode()


def test_half_characters_in_the_only_columns_there_are(folder: Path, lead_client: Client) -> None:
    path = folder / "c.jsonl"
    path.write_text(json.dumps(GOOD | {"product_id": "K\ud83d"}) + "\n")
    answer = upload(lead_client, path)
    assert answer.status_code == 200 and "half a character" in answer.content.decode()


def test_a_catalogue_that_may_not_be_read_gets_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "c.csv"
    path.write_text("product_id,image_path,text\nA1,a.jpg,Red\n")

    def refused(*args: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(CommandError, match=r"c\.csv cannot be read \(Permission denied\)"):
        call_command("import_products", str(path), stdout=StringIO())
