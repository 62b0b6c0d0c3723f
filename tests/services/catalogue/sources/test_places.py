"""Which addresses a source may have, and that no file outside SOURCE_ROOT is read by the admin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moderation.services.catalogue.sources import places
from moderation.services.catalogue.sources.problems import SourceError
from moderation.services.catalogue.sources.seen import Seen

from .conftest import MakeSource, read, tsv


def refused(address: str, *, is_anywhere: bool = False) -> str:
    with pytest.raises(SourceError) as caught:
        places.checked(address, is_anywhere=is_anywhere)
    return str(caught.value)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://shop.example/feed.csv", "none of the web"),
        ("https://", "none of the web"),
        ("https://[::1", "cannot be read"),
        ("https://anna:secret@shop.example/feed.csv", "holds a login"),
        ("http://shop.example/feed.csv", "give an https address"),
        ("http://10.0.0.8/feed.csv", "list 10.0.0.8 in FETCH_ALLOW"),
        ("https://shop.example/" + 2000 * "x", "more than 2000"),
        ("a\0b", "NUL"),
        ("/etc/passwd", "once SOURCE_ROOT says"),
        ("feed.csv", "once SOURCE_ROOT says"),
    ],
)
def test_what_is_refused_and_why(address: str, why: str, settings: Any) -> None:
    settings.FETCH_ALLOW = ["10.0.0.7"]
    assert why in refused(address)


def test_by_http_only_what_is_listed(settings: Any) -> None:
    settings.FETCH_ALLOW = ["10.1.0.0/16", "feeds.internal"]
    for address in ("http://10.1.2.3:8000/a.csv", "http://FEEDS.internal/a.csv"):
        assert places.checked(address, is_anywhere=False) == address
    assert places.checked(" https://shop.example/f ", is_anywhere=False) == "https://shop.example/f"


def test_in_the_admin_only_what_lies_in_the_root(tmp_path: Path, settings: Any) -> None:
    root, secret = tmp_path / "exports", tmp_path / "secret.csv"
    root.mkdir()
    secret.write_text("id")
    settings.SOURCE_ROOT = root
    (root / "link.csv").symlink_to(secret)
    (root / "out").symlink_to(tmp_path)
    (root / "circle").symlink_to(root / "circle")
    assert places.checked("shop/feed.csv", is_anywhere=False) == str(root / "shop/feed.csv")
    for address in (str(secret), "../secret.csv", "link.csv", "out/secret.csv", "circle"):
        assert "lies outside" in refused(address)
    assert places.checked(str(secret), is_anywhere=True) == str(secret)


@pytest.mark.django_db(transaction=True)
def test_a_link_that_leads_out_later_is_not_followed(
    make_source: MakeSource, tmp_path: Path, settings: Any
) -> None:
    root, secret = tmp_path / "exports", tmp_path / "secret.tsv"
    root.mkdir()
    secret.write_bytes(tsv("S0"))
    settings.SOURCE_ROOT = root
    source = make_source(root, is_anywhere=False)
    (root / "feed.tsv").symlink_to(secret)
    assert "lies outside" in read(source).error
    file = make_source(root / "feed.tsv", name="file", is_anywhere=False)
    assert "lies outside" in read(file).error
    assert read(make_source(root, name="by command")).created == 1


@pytest.mark.django_db(transaction=True)
def test_photos_in_files_lie_beside_the_file(
    make_source: MakeSource, tmp_path: Path, settings: Any
) -> None:
    settings.SOURCE_ROOT = root = tmp_path / "exports"
    root.mkdir()
    (root / "feed.csv").write_text(
        "product_id,image_path,text\nA,/etc/hosts,Ball\nB,../1.jpg,Ball\n"
    )
    run = read(make_source(root / "feed.csv", is_anywhere=False))
    told = " ".join(problem["cause"] for problem in run.problems)
    assert "absolute" in told and "leads out" in told


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_being_written_is_waited_for(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "REST", 0.4)
    names = [f"S{number}" for number in range(50)]
    path = tmp_path / "feed.tsv"
    path.write_bytes(b"")
    started = threading.Event()

    def upload() -> None:
        with path.open("wb") as file:
            for line in tsv(*names).splitlines(keepends=True):
                file.write(line)
                file.flush()
                started.set()
                time.sleep(0.02)

    source = make_source(path)
    thread = threading.Thread(target=upload)
    thread.start()
    started.wait()
    run = read(source)
    thread.join()
    assert run.created == 50


@pytest.mark.django_db(transaction=True)
def test_one_that_is_changed_while_it_is_read_withdraws_nothing(
    make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "feed.tsv"
    path.write_bytes(tsv(*(f"S{number}" for number in range(10))))
    source = make_source(path)
    read(source)
    stored: Callable[..., None] = Seen.stored

    def and_written_to(self: Seen, found: Any) -> None:
        stored(self, found)
        with path.open("ab") as file:
            file.write(b"\n")

    path.write_bytes(tsv(*(f"S{number}" for number in range(1, 10))))
    monkeypatch.setattr(Seen, "stored", and_written_to)
    run = read(source)
    assert run.withdrawn == 0 and "changed while it was read" in run.kept_because
    monkeypatch.undo()
    monkeypatch.setattr(places, "REST", 0.05)
    assert read(source).withdrawn == 1
