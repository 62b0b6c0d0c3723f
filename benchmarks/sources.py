"""Seconds, processor time, memory and rows of the runs of a source that reads a feed again.

    python -m benchmarks.sources --rows 20000 --texts ../shared/catalogue/train.csv

A feed as Google Merchant takes it is served by this process: all of it new, the same again, the
same by its ETag, and then half of it changed with a twentieth gone. Photos are not fetched.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from resource import struct_rusage

from tools.live_project import ROOT, LiveProject

from .machine import machine

PHOTOS = 3  # of each listing


@dataclass
class Feed:
    """What the host answers with at this moment."""

    body: bytes = b""
    etag: str = ""
    url: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--texts", type=Path, help="a CSV with a column `text` to take them from")
    options = parser.parse_args()
    texts = _texts(options.texts) if options.texts else ["A red ball"]
    with served() as feed, tempfile.TemporaryDirectory() as folder:
        live = LiveProject(Path(folder), {"FETCH_ALLOW": "127.0.0.1", "IMPORT_DIR": f"{folder}/in"})
        try:
            live.manage("migrate", "-v0")
            live.manage("setup")
            live.manage("source", "add", "shop", feed.url, "--missing", "withdraw")
            measure(live, feed, texts, rows=options.rows)
        finally:
            live.close()
    print(machine())  # last: what loads torch would count as the memory of what it starts


def measure(live: LiveProject, feed: Feed, texts: list[str], *, rows: int) -> None:
    gone = range(rows - rows // 20, rows)
    whole = drawn(texts, rows=rows)
    changed = drawn(texts, rows=gone.start, changed=rows // 2)
    print(f"{rows:,} listings with {PHOTOS} photos each, {len(whole) / 2**20:.1f} MB")
    for name, body, etag in (
        ("new", whole, "1"),
        ("the same, sent again", whole, "2"),
        ("the same, by its ETag", whole, "2"),
        ("half changed, 5% gone", changed, "3"),
    ):
        feed.body, feed.etag = body, f'"{etag}"'
        seconds, used = timed(live)
        ((state, *counts),) = live.rows(
            "SELECT state, created, updated, unchanged, bad, missing, withdrawn "
            "FROM moderation_sourcerun ORDER BY id DESC LIMIT 1"
        )
        names = ("new", "updated", "unchanged", "bad", "gone", "withdrawn")
        told = ", ".join(
            f"{count or 0:,} {what}" for what, count in zip(names, counts, strict=True)
        )
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        print(f"{name:22} {seconds:6.1f} s, {cpu:5.1f} s of CPU, {peak:4.0f} MiB  {state}: {told}")


def timed(live: LiveProject) -> tuple[float, struct_rusage]:
    """Seconds of one run with the start of its process, and what it used."""
    started = time.monotonic()
    arguments = [sys.executable, str(ROOT / "manage.py"), "source", "run", "shop"]
    process = os.posix_spawn(
        sys.executable,
        arguments,
        live.environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    assert status == 0, live.logs()
    return time.monotonic() - started, used


def drawn(texts: list[str], *, rows: int, changed: int = 0) -> bytes:
    """The first `changed` of the listings have other texts."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, dialect="excel-tab")
    writer.writerow(["id", "title", "image_link", "additional_image_link"])
    for number in range(rows):
        text = texts[number % len(texts)] + (" (new)" if number < changed else "")
        photos = [f"https://cdn.shop.example/{number}-{one}.jpg" for one in range(PHOTOS)]
        writer.writerow([f"SKU-{number}", text, photos[0], ",".join(photos[1:])])
    return file.getvalue().encode()


def _texts(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@contextmanager
def served() -> Iterator[Feed]:
    feed = Feed()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_known = self.headers.get("If-None-Match") == feed.etag
            body = b"" if is_known else feed.body
            self.send_response(304 if is_known else 200)
            self.send_header("ETag", feed.etag)
            if not is_known:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        feed.url = f"http://127.0.0.1:{server.server_port}/feed.tsv"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield feed
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    main()
