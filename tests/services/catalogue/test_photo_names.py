"""A row finds its photo where the two names are not written alike, if there is one that fits."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_photos import PhotoFolder
from moderation.services.catalogue.intake import IntakeError

CAFE = "Été/Café.jpg"
NFC, NFD = (unicodedata.normalize(form, CAFE) for form in ("NFC", "NFD"))


def shop(base: Path, *names: str) -> Path:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(name.encode())
    return base


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (NFD, NFC),
        (NFC, NFD),
        (NFD, NFC.upper()),
        ("photos/Red.JPG", "photos/red.jpg"),
        ("photos/Red.JPG", "PHOTOS/RED.jpg"),
        ("photos/red.jpg", "photos\\red.jpg"),
        ("photos/red.jpg", ".\\Photos\\red.jpg"),
        ("photos/red.jpg", "photos//./red.jpg"),
        ("photos/red.jpg", "red.jpg"),  # a folder of its own round everything
        ("photos/shirts/red.jpg", "Shirts/red.jpg"),
        ("a:b.jpg", "a:b.jpg"),
        ("photos/red shirt.jpg", "photos/red%20shirt.jpg"),
        (NFD, "%C3%89t%C3%A9/Caf%C3%A9.jpg"),
        ("photos/Red & blue.JPG", "Photos%2Fred%20%26%20blue.jpg"),
        ("100%20.jpg", "100%20.jpg"),
        ("ΣΊΣΥΦΟΣ.jpg", "σίσυφος.jpg"),
    ],
)
@pytest.mark.parametrize("only_inside", [True, False])
def test_a_name_written_otherwise_is_found(
    tmp_path: Path, file: str, row: str, only_inside: bool
) -> None:
    folder = PhotoFolder(shop(tmp_path / "shop", file), only_inside=only_inside)
    assert folder.locate(row).read_bytes() == file.encode()


def test_the_very_name_is_taken_before_those_alike(tmp_path: Path) -> None:
    names = ("a/red.jpg", "A/red.jpg", "a/RED.jpg", "b/red.jpg")
    folder = PhotoFolder(shop(tmp_path, *names), only_inside=True)
    assert [folder.locate(name).read_bytes().decode() for name in names] == list(names)
    assert folder.locate("B/RED.JPG").read_bytes() == b"b/red.jpg"


def test_where_several_fit_none_is_taken(tmp_path: Path) -> None:
    folder = PhotoFolder(shop(tmp_path, "a/red.jpg", "A/Red.jpg", "x.jpg"), only_inside=True)
    with pytest.raises(IntakeError, match=r"a/RED\.jpg fits 2 photos .*write the very name"):
        folder.locate("a/RED.jpg")


def test_one_folder_among_others_is_not_looked_through(tmp_path: Path) -> None:
    folder = PhotoFolder(shop(tmp_path, "a/red.jpg", "b/blue.jpg"), only_inside=True)
    assert not folder.locate("red.jpg").exists()


@pytest.mark.parametrize(
    "row",
    [
        *(
            "..\\Secret.jpg",
            "../secret.jpg",
            "A/../../SECRET.jpg",
            "\\secret.jpg",
            "LINK/secret.jpg",
        ),
        *("..%2fsecret.jpg", "%2E%2E/secret.jpg", "%2Fsecret.jpg", "..%5Csecret.jpg"),
    ],
)
def test_no_other_spelling_leads_out(tmp_path: Path, row: str) -> None:
    shop(tmp_path, "secret.jpg", "inside/a/b.jpg")
    (tmp_path / "inside" / "Link").symlink_to(tmp_path)
    with pytest.raises(IntakeError, match="image folder"):
        PhotoFolder(tmp_path / "inside", only_inside=True).locate(row)


@pytest.mark.parametrize("row", ["a%00.jpg", "a%FF.jpg", "100%.jpg", "%0A.jpg", "%"])
def test_what_is_no_encoded_name_is_looked_for_as_it_stands(tmp_path: Path, row: str) -> None:
    assert PhotoFolder(tmp_path, only_inside=True).locate(row) == tmp_path / row


def test_a_link_in_a_circle_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(IntakeError):
        PhotoFolder(tmp_path, only_inside=True).locate("a.jpg")


def test_a_path_from_the_root_is_found_too(tmp_path: Path) -> None:
    base = shop(tmp_path, "Red.JPG")
    found = PhotoFolder(base / "none", only_inside=False).locate(f"{base}/red.jpg")
    assert found == base / "Red.JPG"
