"""A host with photos, as a shop's, that counts what it is asked and has moods."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image


@dataclass
class Said:
    """An answer. `seconds`: the host thinks first."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class PhotoHost:
    """`say` decides what a path answers; what it does not know is a photo with an ETag.

    `asked` counts requests by path, `not_modified` those answered without a body, `most` how many
    were under way at once, `times` when they came.
    """

    url: str = ""
    say: Callable[[str], Said | None] = lambda path: None
    asked: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    not_modified: int = 0
    most: int = 0
    version: int = 0  # raise it, and every photo is another one
    _under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, path: str) -> str:
        return f"{self.url}{path}"

    @contextmanager
    def counted(self, path: str, agent: str) -> Iterator[None]:
        with self._lock:
            self.asked[path] += 1
            self.times.append(time.monotonic())
            self.agents.add(agent)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def answer(self, path: str, etag: str) -> Said:
        said = self.say(path)
        if said is not None:
            return said
        present = f'"{path}-{self.version}"'
        if etag == present:
            self.not_modified += 1
            return Said(304)
        about = {"ETag": present, "Last-Modified": formatdate(usegmt=True)}
        return Said(body=_photo(present), headers=about)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Who asked was killed."""


@contextmanager
def photo_host() -> Iterator[PhotoHost]:
    host = PhotoHost()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer on a kept connection waits for 40 ms

        def do_GET(self) -> None:
            with host.counted(self.path, self.headers.get("User-Agent", "")):
                said = host.answer(self.path, self.headers.get("If-None-Match", ""))
                time.sleep(said.seconds)
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

        def log_message(self, *_: Any) -> None: ...

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _photo(name: str) -> bytes:
    """A small JPEG of its own for each name."""
    drawn = hashlib.sha256(name.encode()).digest()
    image = Image.frombytes("RGB", (3, 3), drawn[:27]).resize((96, 96), Image.Resampling.NEAREST)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
