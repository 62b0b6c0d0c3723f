"""A feed at a real host, and a source that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from moderation.models import CatalogueSource, SourceRun
from moderation.services.catalogue.sources import due, places, run, upkeep
from moderation.services.worker import heartbeat
from tests.support.web_host import Host, hosting

HEADER = "id\ttitle\timage_link\n"


def tsv(*names: str, text: str = "A red ball") -> bytes:
    """As Google Merchant takes it, a line for each listing."""
    lines = [f"{name}\t{text} {name}\thttps://cdn.shop.example/{name}.jpg\n" for name in names]
    return (HEADER + "".join(lines)).encode()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for a file to rest."""
    monkeypatch.setattr(places, "REST", 0.05)


@pytest.fixture
def host(bundled: Any, settings: Any, tmp_path: Path) -> Iterator[Host]:
    settings.FETCH_ALLOW = ["127.0.0.1"]
    settings.IMPORT_DIR = tmp_path / "imports"
    with hosting() as host:
        yield host


@pytest.fixture
def serve(host: Host) -> Callable[..., str]:
    """Lets the host answer with a feed, by its ETag where it has one; returns the address."""

    def serve(body: bytes, *, path: str = "/feed.tsv", etag: str = "", **headers: str) -> str:
        def answer(exchange: Any) -> None:
            if etag and exchange.headers.get("If-None-Match") == etag:
                exchange.answer(status=304)
                return
            about = {"ETag": etag} if etag else {}
            exchange.answer(body, **about, **headers)

        host.answers[path] = answer
        return host.url(path)

    return serve


MakeSource = Callable[..., CatalogueSource]


@pytest.fixture
def make_source(bundled: Any, settings: Any, tmp_path: Path) -> MakeSource:
    settings.IMPORT_DIR = tmp_path / "imports"

    def make(address: str | Path = "", **fields: Any) -> CatalogueSource:
        fields = {"name": "shop", "missing": "withdraw", "is_anywhere": True, **fields}
        source = CatalogueSource(address=str(address), **fields)
        upkeep.save(source, changed={"address"}, by=None)
        source.refresh_from_db()
        return source

    return make


def read(source: CatalogueSource, *, file: Path | None = None) -> SourceRun:
    """Read the source now, as a process of the worker does."""
    asked = due.request(source, by=None)
    work(asked, file=file)
    source.refresh_from_db()
    return source.runs.get(pk=asked.pk)


def work(waiting: SourceRun, *, file: Path | None = None) -> None:
    """Claim a run that waits, and do it."""
    claimed = due.claim_one(waiting.pk, heartbeat.me())
    assert claimed is not None
    run.work(claimed, heartbeat.me(), file=file)
