"""A small local stand-in for the model hub: `resolve` with HEAD, GET and Range, and a log.

Large files are given by redirect to another host, as the real hub does with its content network.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LARGE = (".safetensors", ".bin")


@dataclass
class Hub:
    """Repositories by name: files on disk and the commit that `main` points to."""

    repositories: dict[str, tuple[Path, str]]
    log: list[str] = field(default_factory=list)
    # What happens to the next downloads of a large file: "break" closes the connection after two
    # thirds, "down" answers 503, "corrupt" sends other bytes. After these all goes well.
    script: list[str] = field(default_factory=list)
    url: str = ""

    def large_requests(self) -> list[str]:
        return [line for line in self.log if line.startswith("GET /content/")]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    server: ThreadingHTTPServer

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        wanted = self.headers.get("Range", "")
        self.hub.log.append(f"{self.command} {self.path} {wanted}".strip())
        parts = self.path.strip("/").split("/")
        if parts[0] == "content" and len(parts) == 4:
            path, _ = self.hub.repositories["/".join(parts[1:3])]
            self._file(path / parts[3], {}, body=body)
        elif len(parts) == 5 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], parts[4], body=body)
        else:
            self._refuse("no such page", "EntryNotFound")

    def _resolve(self, name: str, revision: str, file: str, *, body: bool) -> None:
        if name not in self.hub.repositories:
            self._refuse("Repository not found", "RepoNotFound")
            return
        folder, commit = self.hub.repositories[name]
        if revision not in ("main", commit):
            self._refuse("Revision not found", "RevisionNotFound")
            return
        path = folder / file
        headers = {"X-Repo-Commit": commit}
        if not path.is_file():
            self._refuse("Entry not found", "EntryNotFound", headers)
        elif path.suffix in LARGE:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            headers |= {
                "Location": f"http://localhost:{self.server.server_port}/content/{name}/{file}",
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(path.stat().st_size),
            }
            self._send(302, headers, b"", body=body)
        else:
            headers["ETag"] = f'"{hashlib.sha1(path.read_bytes()).hexdigest()}"'
            self._file(path, headers, body=body)

    def _refuse(self, message: str, code: str, headers: dict[str, str] | None = None) -> None:
        text = json.dumps({"error": message}).encode()
        self._send(
            404, {**(headers or {}), "X-Error-Code": code}, text, body=self.command != "HEAD"
        )

    def _file(self, path: Path, headers: dict[str, str], *, body: bool) -> None:
        data = path.read_bytes()
        fate = ""
        if body and path.suffix in LARGE and self.hub.script:
            fate = self.hub.script.pop(0)
        if fate == "down":
            self._send(503, headers, b"", body=True)
            return
        if fate == "corrupt":
            data = bytes(len(data))
        asked = self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data = data[start:]
        self._send(206 if asked else 200, headers, data, body=body, broken=fate == "break")

    def _send(
        self, status: int, headers: dict[str, str], data: bytes, *, body: bool, broken: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) * 2 // 3] if broken else data)
        if broken:
            self.close_connection = True


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve the hub on a free local port until the block ends; `hub.url` says where."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
