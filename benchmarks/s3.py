"""Photos of a bucket whose answers take a while: one after the other, and as they are read.

    python -m benchmarks.s3 --photos 200 --latency 0.05

The server (tools/s3_server.py) is a process of its own that waits before each answer. Real photos
of ../shared/catalogue are put into it, or drawn ones where there are none. Prints seconds, requests
a photo, and how many times as fast it is as one photo after the other.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tools import s3_server
from tools.s3_server import S3Server

from .machine import machine
from .photos import write_photos

CATALOGUE = Path(__file__).resolve().parents[2] / "shared" / "catalogue"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder, served(Path(folder), options.latency):
        run(Path(folder), count=options.photos)


@contextmanager
def served(folder: Path, latency: float) -> Iterator[None]:
    """A server with an empty bucket, and Django set up for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = S3Server(folder / "s3", port, latency)
    server.make_bucket("shop")
    server.start()
    os.environ |= s3_server.environment(server, address="s3://shop/photos")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "clipmod.settings", "CLIP_MODEL_NAME": "bundled"}
    try:
        yield
    finally:
        server.stop()


def run(folder: Path, *, count: int) -> None:
    import django

    django.setup()
    from django.core.files.storage import default_storage

    from moderation.clip.checkpoints import checkpoint
    from moderation.clip.encoder import Encoder
    from moderation.services.rules import many_photos, photos

    asked: Counter[str] = Counter()
    _count(default_storage._client(), asked)  # type: ignore[attr-defined]
    files = _files(folder, count)
    names = [f"products/{number:05}{path.suffix}" for number, path in enumerate(files)]
    contents = [path.read_bytes() for path in files]

    def one_by_one_stored() -> None:
        for name, data in zip(names[: count // 4], contents, strict=False):
            photos.store(f"slow/{name}", data)

    def stored() -> None:
        with ThreadPoolExecutor(many_photos.threads(2)) as pool:
            list(pool.map(photos.store, names, contents))

    encoder = Encoder.load(checkpoint.BUNDLED_FOLDER)
    sources = [photos.source(name) for name in names]

    def encoded_ahead() -> None:
        for start in range(0, count, 32):  # as the worker claims them
            with many_photos.ahead(sources[start : start + 32]) as ahead:
                encoder.encode_files(ahead)

    def encoded_by_the_decoders() -> None:
        for start in range(0, count, 32):
            encoder.encode_files(sources[start : start + 32])

    def read_ahead() -> None:
        for _, read in many_photos.beside(names, str, ask=photos.read):
            read()

    slow = timed(one_by_one_stored, asked, count // 4) * 4
    report("stored, as an import does", slow, timed(stored, asked, count))
    plain = _plain(asked)
    print("read one by one, by django-storages as it comes")
    timed(lambda: [plain.open(name).read() for name in names], asked, count)
    slow = timed(lambda: [photos.read(name) for name in names], asked, count)
    report("read, as exports and backups do", slow, timed(read_ahead, asked, count))
    slow = timed(encoded_by_the_decoders, asked, count)
    report("encoded, as the worker does", slow, timed(encoded_ahead, asked, count))
    encoder.encode_files(files[:32])
    local = timed(lambda: encoder.encode_files(files), asked, count)
    print(f"{'of this disk encoded':34} {local:6.2f} s")


def _plain(asked: Counter[str]) -> Any:
    """What django-storages does without us."""
    from django.conf import settings
    from storages.backends.s3 import S3Storage

    ours: Any = settings.STORAGES["default"]["OPTIONS"]
    storage = S3Storage(
        **{name: one for name, one in ours.items() if name != "public_endpoint_url"}
    )
    _count(storage.connection.meta.client, asked)
    return storage


def _count(client: Any, asked: Counter[str]) -> None:
    client.meta.events.register(
        "before-send.s3", lambda request, **_: asked.update([request.method])
    )


def timed(act: Callable[[], object], asked: Counter[str], count: int) -> float:
    asked.clear()
    started = time.perf_counter()
    act()
    seconds = time.perf_counter() - started
    each = ", ".join(f"{number / count:.2f} {method}" for method, number in asked.items())
    print(f"  {seconds:6.2f} s; requests a photo: {each or 'none'}")
    return seconds


def report(what: str, slow: float, fast: float) -> None:
    print(f"{what:34} {slow:6.2f} s before, {fast:6.2f} s as built: {slow / fast:.1f} times")


def _files(folder: Path, count: int) -> list[Path]:
    found = sorted(CATALOGUE.rglob("*.jpg"))
    if not found:
        return write_photos(folder / "drawn", count=count, seed=1)
    return list(itertools.islice(itertools.cycle(found[:: max(1, len(found) // count)]), count))


if __name__ == "__main__":
    main()
