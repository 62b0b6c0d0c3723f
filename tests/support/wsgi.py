"""Requests to the WSGI application itself, as a web server sends them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from clipmod.wsgi import application

FORM = "multipart/form-data; boundary=xx"


class Dripping(io.BytesIO):
    """A connection that brings a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(7 if size is None or size < 0 else min(size, 7))


@contextmanager
def one_connection() -> Iterator[None]:
    """Keeps a request inside the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def ask(
    path: str, body: bytes, *, lacks: int = 0, type: str = FORM, **more: str
) -> tuple[int, str]:
    """The status and the body of an answer to a POST that `lacks` so many bytes at its end."""
    sent = body[: len(body) - lacks]
    found: list[str] = []
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path.partition("?")[0],
        "QUERY_STRING": path.partition("?")[2],
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": type,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": Dripping(sent),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        **more,
    }
    with one_connection():
        answer: Any = application(environ, lambda status, *_: found.append(status))  # type: ignore
        content = b"".join(answer).decode()
        getattr(answer, "close", bool)()
    return int(found[0][:3]), content
