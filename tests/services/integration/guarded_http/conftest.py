"""A host on this machine that may be asked, names that lead where a test says, and a client."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from moderation.services.integration.guarded_http import FetchError, GuardedClient, Problem
from moderation.services.integration.guarded_http.client import trusted
from tests.support.web_host import Host, hosting

Names = dict[str, list[list[str]]]
Problems = Callable[..., FetchError]


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.FETCH_ALLOW = ["127.0.0.0/8"]


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as found:
        yield found


@pytest.fixture
def client() -> Iterator[GuardedClient]:
    with GuardedClient() as made:
        yield made


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What a name leads to at each look-up; the last one holds on."""
    table: Names = {}
    original = socket.getaddrinfo

    def look_up(name: str, port: int, *args: Any, **named: Any) -> Any:
        if name not in table:
            return original(name, port, *args, **named)
        found = table[name].pop(0) if len(table[name]) > 1 else table[name][0]
        return [entry for one in found for entry in original(one, port, *args, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """Whom the client believes."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    trusted.cache_clear()
    yield made
    trusted.cache_clear()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Host]:
    with hosting(tls=context_of(authority, "shop.example")) as host:
        yield host


@pytest.fixture
def problem_of(client: GuardedClient) -> Problems:
    """The error that a GET ends with, and that it ends with one."""

    def ask(url: str, *, limit: int = 1000, seconds: float = 10, **named: str) -> FetchError:
        with (
            pytest.raises(FetchError) as caught,
            client.get(url, limit=limit, seconds=seconds, **named) as answer,
        ):
            answer.read()
        assert isinstance(caught.value.problem, Problem)
        return caught.value

    return ask


def fetched(client: GuardedClient, url: str) -> bytes:
    with client.get(url, limit=1000, seconds=10) as answer:
        return answer.read()


def context_of(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
