"""ZIPs as people pack them: what is read, and what is refused with the name of the file."""

from __future__ import annotations

import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from moderation.services.catalogue.photo_archive import ArchiveError, unpack
from tests.support.photos import photo

Method = int


def packed(files: Mapping[str, bytes], *, method: Method = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


def named(raw: bytes, *, extra: bytes = b"") -> bytes:
    """A ZIP of one photo whose name is these bytes, without a word on their encoding."""
    stand_in = "x" * len(raw)
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        entry = zipfile.ZipInfo(stand_in)
        entry.extra = extra
        target.writestr(entry, photo())
    return buffer.getvalue().replace(stand_in.encode(), raw)


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[..., list[str]]:
    """The files that come out of a ZIP."""

    def run(data: bytes, *rows: str) -> list[str]:
        folder = tmp_path / "photos"
        unpack(BytesIO(data), folder, named=lambda: rows)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return [path.relative_to(folder).as_posix() for path in paths]

    return run


Unpacked = Callable[..., list[str]]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_method_that_python_reads_is_read(unpacked: Unpacked, method: Method) -> None:
    assert unpacked(packed({"a.jpg": photo(), "b/c.JPG": photo()}, method=method)) == [
        "a.jpg",
        "b/c.JPG",
    ]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
@pytest.mark.parametrize("place", [0, 4, 9, 60, 900])
def test_a_damaged_file_is_named(unpacked: Unpacked, method: Method, place: int) -> None:
    data = bytearray(packed({"red/a.jpg": photo(size=(300, 300))}, method=method))
    start = 30 + len("red/a.jpg") + place
    data[start : start + 40] = bytes(255 - byte for byte in data[start : start + 40])
    with pytest.raises(ArchiveError, match=r"^red/a\.jpg in the ZIP is damaged .*pack it again\.$"):
        unpacked(bytes(data))


def with_method(method: int) -> bytes:
    data = bytearray(packed({"a.jpg": photo()}, method=zipfile.ZIP_STORED))
    data[8:10] = struct.pack("<H", method)
    central = data.index(b"PK\1\2")
    data[central + 10 : central + 12] = struct.pack("<H", method)
    return bytes(data)


def with_flag(flag: int, data: bytes) -> bytes:
    changed = bytearray(data)
    for place in (6, changed.index(b"PK\1\2") + 8):
        changed[place : place + 2] = struct.pack("<H", flag)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (with_method(9), "a.jpg in the ZIP is packed by a method that is not read here"),
        (with_method(1), "a.jpg in the ZIP is packed by a method that is not read here"),
        (with_flag(1, packed({"a.jpg": photo()})), "a.jpg in the ZIP is encrypted"),
        (with_flag(0x800, named(b"Gr\x94n.jpg")), "The ZIP holds the name Gr\ufffdn.jpg"),
        (packed({"a.jpg": photo()})[:-30], "The ZIP cannot be read"),
        (packed({"a": photo(), "a/b.jpg": photo()}), "a/b.jpg in the ZIP cannot be unpacked"),
        (packed({"ä" * 200 + ".jpg": photo()}), "in the ZIP cannot be unpacked under this name"),
        (packed({"C:/a.jpg": photo()}), "leads out of it"),
        (named(b"C:\\a.jpg"), "leads out of it"),
    ],
)
def test_what_cannot_be_read_is_named(unpacked: Unpacked, data: bytes, sentence: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        unpacked(data)
    assert sentence in str(caught.value)
    assert "/tmp" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_local_header_of_another_encoding_is_damage(unpacked: Unpacked) -> None:
    data = packed({"Grün.jpg": photo()})
    with pytest.raises(ArchiveError, match=r"Grün\.jpg in the ZIP is damaged"):
        unpacked(data.replace("Grün".encode(), b"Gr\x94xn", 1))


def test_a_zip_as_macos_packs_it(unpacked: Unpacked) -> None:
    name = unicodedata.normalize("NFD", "Café: blue.jpg")
    assert unpacked(named(f"photos/{name}".encode())) == [f"photos/{name}"]


def test_what_operating_systems_add_is_left_out(unpacked: Unpacked) -> None:
    litter = ("__MACOSX/._a.jpg", "b/.DS_Store", "._c.jpg", "Thumbs.db", "d/desktop.ini")
    assert unpacked(packed(dict.fromkeys((*litter, "a.jpg"), b"?"))) == ["a.jpg"]


def test_folders_and_litter_lead_nowhere(unpacked: Unpacked) -> None:
    assert unpacked(packed({"/": b"", "./": b"", "../._a.jpg": b"?", "a.jpg": photo()})) == [
        "a.jpg"
    ]


def test_a_zip_as_powershell_5_packs_it(unpacked: Unpacked) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        target.writestr("photosX", b"")
        target.writestr("photosXa.jpg", photo())
    assert unpacked(buffer.getvalue().replace(b"photosX", b"photos\\")) == ["photos/a.jpg"]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Größe Müller.jpg", "cp437"),
        ("Smørrebrød Ærø.jpg", "cp850"),
        ("Łódź.jpg", "cp852"),
        ("Обувь.jpg", "cp866"),
        ("Обувь.jpg", "cp1251"),
        ("Größe.jpg", "cp1252"),
        ("日本.jpg", "cp932"),
        ("鞋.jpg", "cp936"),
    ],
)
def test_the_names_of_the_rows_tell_the_encoding(
    unpacked: Unpacked, name: str, encoding: str
) -> None:
    raw = f"photos\\{name}".encode(encoding)
    assert unpacked(named(raw), "other.jpg", f"Photos/{name.upper()}") == [f"photos/{name}"]


def test_a_unicode_name_beside_the_old_one_is_taken(unpacked: Unpacked) -> None:
    raw, name = b"Gr\x81n.jpg", "Grün, ✓.jpg"
    body = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + name.encode()
    extra = struct.pack("<HH", 0x7075, len(body)) + body
    assert unpacked(named(raw, extra=struct.pack("<HHB", 1, 1, 0) + extra)) == [name]


def test_a_file_that_is_too_large_comes_out_empty_with_its_size(
    unpacked: Unpacked, tmp_path: Path, settings: Any
) -> None:
    settings.MAX_UPLOAD_BYTES = 20_000
    data = packed({"a.jpg": b"a" * 5_000_000, "b.jpg": photo()})
    assert unpacked(data) == ["a.jpg", "b.jpg"]
    found = (tmp_path / "photos" / "a.jpg").stat()
    assert found.st_size == 5_000_000 and found.st_blocks * 512 < 20_000
    assert (tmp_path / "photos" / "b.jpg").read_bytes() == photo()
