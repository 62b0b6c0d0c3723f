"""A feed of listings with photos by address, fetched from one host that has its moods.

    python -m benchmarks.fetching --listings 20000 --photos 3 --kills 2

The host runs in a process of its own, and is asked as fast as it answers. Of 1,000 photos it
answers some with 404, 429, 500, slowly, or with redirects to where nobody may go; the fetching
process is killed on the way. Prints time, requests, memory, and what was lost or fetched twice.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import signal
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import Popen

import psutil

from tools.live_project import LiveProject
from tools.photo_host import Said, photo_host

from .machine import machine

METADATA = "http://169.254.169.254/latest/meta-data/"
# Of the numbers of photos, by their remainder of 1,000.
MOODS = {
    1: Said(404),
    2: Said(302, headers={"Location": METADATA}),
    3: Said(body=b"<html>not found</html>"),
}
ONCE = {11: Said(429, headers={"Retry-After": "1"}), 12: Said(500), 13: Said(seconds=2.0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listings", type=int, default=2000)
    parser.add_argument("--photos", type=int, default=3, help="of each listing")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    print(machine())
    ours, theirs = multiprocessing.Pipe()
    host = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    host.start()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), ours, options)
    host.terminate()


def serve(parent: Connection) -> None:
    """The host: tells its address, and when asked how often each photo was asked for."""
    before: Counter[str] = Counter()

    def say(path: str) -> Said | None:
        number = int(path.strip("/").partition(".")[0]) % 1000
        before[path] += 1
        return MOODS.get(number) or (ONCE.get(number) if before[path] == 1 else None)

    with photo_host() as host:
        host.say = say
        parent.send(host.url)
        parent.recv()
        parent.send((dict(host.asked), host.most))


def run(folder: Path, host: Connection, options: argparse.Namespace) -> None:
    polite = {
        "FETCH_ALLOW": "127.0.0.1",
        "FETCH_CONNECTIONS": str(options.connections),
        "FETCH_REQUESTS_PER_SECOND": "10000",
        "CLIP_MODEL_NAME": "bundled",
        "LOG_LEVEL": "WARNING",
    }
    project = LiveProject(folder, environment=polite)
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        started = time.monotonic()
        project.manage("import_products", str(_feed(folder, host.recv(), options)))
        print(f"imported {options.listings:,} listings in {time.monotonic() - started:.0f} s")
        started, peak = time.monotonic(), fetch(project, kills=options.kills)
        report(project, host, seconds=time.monotonic() - started, peak=peak)
    finally:
        project.close()


def _feed(folder: Path, url: str, options: argparse.Namespace) -> Path:
    """As Google Merchant takes it: the further photos in a list."""
    path = folder / "feed.tsv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, dialect="excel-tab")
        writer.writerow(["id", "title", "image_link", "additional_image_link"])
        for number in range(options.listings):
            first = number * options.photos
            main, *more = (f"{url}/{first + one}.jpg" for one in range(options.photos))
            writer.writerow([f"SKU-{number}", f"Text number {number}", main, ",".join(more)])
    return path


def fetch(project: LiveProject, *, kills: int) -> int:
    """Fetch all, killed so many times on the way; returns the most memory in bytes."""
    peak, total = 0, _count(project, "")
    for number in range(kills + 1):
        process = project.start("run_fetches")
        stop_at = total * (number + 1) // (kills + 1)
        while process.poll() is None and _is_wanted(project, stop_at):
            peak = max(peak, _memory(process))
            time.sleep(0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return peak


def _is_wanted(project: LiveProject, stop_at: int) -> bool:
    return _count(project, "waiting") > 0 and _count(project, "fetched") < stop_at


def _memory(process: Popen[bytes]) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _count(project: LiveProject, state: str) -> int:
    where = f"WHERE state = '{state}'" if state else ""
    return int(project.rows(f"SELECT count(*) FROM moderation_productphoto {where}")[0][0])


def report(project: LiveProject, host: Connection, *, seconds: float, peak: int) -> None:
    host.send("tell")
    asked, most = host.recv()
    answered = sum(asked.values())
    by_state = "SELECT state, problem, count(*) FROM moderation_productphoto GROUP BY 1, 2"
    print(
        f"{answered:,} requests in {seconds:.0f} s, {answered / seconds:.0f} a second, "
        f"{most} at once at most, {peak / 2**20:.0f} MB"
    )
    for state, problem, count in sorted(project.rows(by_state)):
        print(f"  {state:8} {problem:14} {count:,}")
    again = {1: 1, 2: 1, 3: 1, 11: 2, 12: 2}
    extra = sum(
        count - again.get(int(path.strip("/").partition(".")[0]) % 1000, 1)
        for path, count in asked.items()
    )
    print(f"asked for more often than needed: {extra}")
    print(f"analyses requested: {project.count('true'):,}")


if __name__ == "__main__":
    main()
