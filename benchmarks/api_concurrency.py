"""What merging concurrent requests gains: POST /clip/analyze with the bundled model.

    python -m benchmarks.api_concurrency [--seconds 5] [--rounds 5] [--clients 16] [--json]

A real gunicorn (gthread, one process) answers; the clients are one other process on the same
cores, each sending its next request as soon as it has its answer. Three loads in turn, round by
round: one client; all clients; all clients at a server where requests queue for the model at a
lock instead of being merged. Ratios are medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from benchmarks.photos import write_photos  # noqa: E402

GOAL = 3.0
COLOURS = ["Red", "Blue", "Green", "Black", "White", "Yellow", "Grey", "Brown"]
THINGS = ["cotton T-shirt with a round neck", "ceramic mug", "leather shoes, size 42"]


def queued_application() -> Any:
    """clipmod's application, with a lock before the model where the batcher would merge."""
    import threading

    from clipmod.wsgi import application
    from moderation.clip.batcher import Vectors
    from moderation.services.encoding import engine

    class Queue:
        def __init__(self, encoder: Any) -> None:
            self.encoder, self.lock = encoder, threading.Lock()

        def encode(self, images: Sequence[Any], texts: Sequence[str]) -> Vectors:
            with self.lock:
                return Vectors(self.encoder.encode_images(images), self.encoder.encode_texts(texts))

    vars(engine)["Batcher"] = Queue
    return application


@contextmanager
def server(app: str, *, environment: dict[str, str], threads: int) -> Iterator[int]:
    """A gunicorn with `app`; yields its port once the model is loaded."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", str(threads)]
    command += ["--log-level", "warning", "--chdir", str(ROOT)]
    process = subprocess.Popen(command, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not _accepts(port):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("gunicorn did not start; see its messages above.")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def request(photo: bytes, text: str) -> bytes:
    """A whole HTTP request, ready to be sent as often as wanted."""
    head = '--cut\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = b"".join(
        [
            head.format("text", "").encode() + text.encode() + b"\r\n",
            head.format("file", '; filename="p.jpg"').encode() + photo + b"\r\n--cut--\r\n",
        ]
    )
    lines = [
        "POST /clip/analyze HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=cut",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def load(port: int, requests: list[bytes], *, clients: int, seconds: float) -> list[float]:
    """Seconds of each request that was answered in time, from `clients` at once."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
    started: dict[Any, float] = {}
    received: dict[Any, bytes] = {}
    durations: list[float] = []
    sent = 0
    selector = selectors.DefaultSelector()
    for connection in sockets:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
    ready: list[Any] = list(sockets)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for connection in ready:
            received[connection] = b""
            started[connection] = time.perf_counter()
            connection.sendall(requests[sent % len(requests)])
            sent += 1
        ready = []
        for key, _ in selector.select():
            received[key.fileobj] += key.fileobj.recv(65_536)  # type: ignore[union-attr]
            if is_whole(received[key.fileobj]):
                durations.append(time.perf_counter() - started[key.fileobj])
                ready.append(key.fileobj)
    for connection in sockets:
        connection.close()
    return durations


def is_whole(answer: bytes) -> bool:
    """Whether all of a good answer has arrived: a JSON object ends with its brace."""
    if not answer.startswith(b"HTTP/1.1 200 "):  # empty: the server hung up
        raise RuntimeError(f"not a good answer: {answer[:300]!r}")
    return answer.endswith(b"}")


def measure(port: int, requests: list[bytes], *, clients: int, seconds: float) -> dict[str, float]:
    """Requests per second, and the median and 95th percentile in milliseconds."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(load, (port, requests), {"clients": clients, "seconds": 1.0})
        durations = pool.apply(load, (port, requests), {"clients": clients, "seconds": seconds})
    return {
        "per_second": len(durations) / seconds,
        "median_ms": 1000 * statistics.median(durations),
        "p95_ms": 1000 * statistics.quantiles(durations, n=20)[-1],
    }


def prepared(folder: Path) -> dict[str, str]:
    """An environment with a database of its own in which the bundled model is active."""
    environment = {
        **os.environ,
        "CLIPMOD_ENV_FILE": str(folder / "none"),
        "DATABASE_URL": f"sqlite:///{folder / 'benchmark.sqlite3'}",
        "CLIP_MODEL_NAME": "bundled",
        "DEBUG": "true",
    }
    for command in (["migrate", "--verbosity", "0"], ["setup"]):
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *command],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return environment


def run(*, seconds: float, rounds: int, clients: int, threads: int) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {"one": [], "merged": [], "queued": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos = write_photos(folder / "photos", count=24, seed=0)
        texts = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
        requests = [request(p.read_bytes(), t) for p, t in zip(photos, texts, strict=True)]
        environment = prepared(folder)
        queued = "benchmarks.api_concurrency:queued_application()"
        with (
            server("clipmod.wsgi", environment=environment, threads=threads) as port,
            server(queued, environment=environment, threads=threads) as queued_port,
        ):
            for warm in (port, queued_port):
                load(warm, requests, clients=1, seconds=0.1)
            for _ in range(rounds):
                found["one"].append(measure(port, requests, clients=1, seconds=seconds))
                found["merged"].append(measure(port, requests, clients=clients, seconds=seconds))
                found["queued"].append(
                    measure(queued_port, requests, clients=clients, seconds=seconds)
                )
    return report(found, clients=clients)


def report(found: dict[str, list[dict[str, float]]], *, clients: int) -> dict[str, Any]:
    def ratio(over: str, under: str, key: str) -> float:
        pairs = zip(found[over], found[under], strict=True)
        return statistics.median(a[key] / b[key] for a, b in pairs)

    return {
        "machine": machine(),
        "clients": clients,
        "loads": {
            load: {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
            for load, rounds in found.items()
        },
        "throughput_to_one": ratio("merged", "one", "per_second"),
        "throughput_to_queued": ratio("merged", "queued", "per_second"),
        "p95_to_queued": ratio("merged", "queued", "p95_ms"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5, help="per load and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--threads", type=int, default=32, help="of the server")
    parser.add_argument("--json", action="store_true")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    result = run(**options)
    if as_json:
        print(json.dumps(result, indent=2))
        return
    print(result["machine"])
    labels = {"one": "1 client", "merged": f"{options['clients']} clients", "queued": "at a lock"}
    for load_name, figures in result["loads"].items():
        print(
            f"{labels[load_name]:>12}: {figures['per_second']:6.1f} requests/s, "
            f"median {figures['median_ms']:6.1f} ms, p95 {figures['p95_ms']:6.1f} ms"
        )
    print(f"throughput: {result['throughput_to_one']:.2f} times one client's (goal {GOAL:g})")
    print(f"p95: {result['p95_to_queued']:.2f} times that of queueing (goal at most 1)")


if __name__ == "__main__":
    main()
