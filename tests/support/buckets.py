"""Photos in a bucket of a real S3 server (tools/s3_server.py), for tests of this process."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tools import s3_server
from tools.s3_server import S3Server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server for all tests; who stops it starts it again."""
    server = S3Server(tmp_path_factory.mktemp("s3"), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3: S3Server, settings: Any, media: Path) -> Iterator[str]:
    """Photos lie in a bucket of this test, below a prefix; at the end none is in the folder."""
    name = f"shop-{uuid.uuid4().hex}"
    s3.make_bucket(name)
    use(settings, s3, address=f"s3://{name}/photos/of-shop")
    yield name
    assert not list(media.iterdir())


def use(settings: Any, server: S3Server, *, address: str, **changes: Any) -> None:
    """From now on photos lie there. `changes` are options of the storage."""
    storage = s3_server.storage(server, address=address)
    storage["OPTIONS"] |= changes
    settings.STORAGES = {**settings.STORAGES, "default": storage}


def status(address: str) -> int:
    """What a browser without any login is answered."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())
