"""Three hosts for some minutes under faults, with an import running: what is lost, doubled, killed.

    python -m benchmarks.faults --minutes 10        (as root, on Linux, with PostgreSQL's programs)

Each host has namespaces of its own (network, process ids, name) and a worker with the bundled
model; a PostgreSQL server of the benchmark's own stands behind a cable each. Clocks are the same:
the kernel has no namespace for the time of day.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools.live_project import LiveProject

from .fault_hosts import Host, Server, missing
from .fault_report import Excused, figures, of_hosts
from .machine import machine
from .photos import write_photos
from .worker import LIVE, text

HOSTS = 3
STALE = 60  # seconds: WORKER_STALE_SECONDS as it is installed
FROZEN = 70.0
BACKLOG = 1500  # the import waits beyond so many, so that the end is near when time is up
PER_FILE = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--keep-logs", type=Path, metavar="DIR", help="copy the hosts' logs there")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if lacks := missing():
        parser.error(f"needs network namespaces and a PostgreSQL server; missing: {lacks}")
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user
        trial = Trial(Path(folder), dice=random.Random(options.seed))
        try:
            trial.run(seconds=options.minutes * 60)
            print(f"faults: {trial.faults()}")
            print(f"imported: {trial.imports.products}, repeated: {trial.imports.repeated} files")
            print(figures(trial.project))
            print(of_hosts(trial.hosts, excused=trial.excused))
        finally:
            trial.close()
            for log in Path(folder).glob("clipmod-host*.log") if options.keep_logs else ():
                shutil.copy(log, options.keep_logs)


@dataclass
class Import:
    """Files of fresh products one after the other; one that was cut short is imported again."""

    project: LiveProject
    products: int = 0
    repeated: int = 0

    def run(self, until: float) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(Exception):  # the server is down: nothing waits
                if self.project.count(LIVE) > BACKLOG:
                    time.sleep(1)
                    continue
            self._one_file(self.products // PER_FILE)

    def _one_file(self, number: int) -> None:
        folder = self.project.folder / "shop"
        paths = write_photos(folder / str(number), count=PER_FILE, seed=number * PER_FILE)
        rows = "\n".join(f"{number}-{path.stem},{path},{text(path)}," for path in paths)
        catalogue = folder / f"{number}.csv"
        catalogue.write_text(f"product_id,image_path,text,category\n{rows}\n")
        while self.project.manage("import_products", str(catalogue), check=False).returncode:
            self.repeated += 1
            time.sleep(1)
        self.products += PER_FILE


@dataclass
class Trial:
    """The hosts, what is done to them, and what came of it."""

    folder: Path
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    excused: Excused = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = Server(self.folder / "server")
        os.environ["DATABASE_URL"] = self.server.url()
        (self.folder / "drive").mkdir()
        # As a mount point is: while the drive is away, nobody makes the folder anew.
        (self.folder / "media").symlink_to(self.folder / "drive")
        self.project = LiveProject(
            self.folder,
            environment={
                "WORKER_STALE_SECONDS": str(STALE),
                "ANALYSIS_LEASE_SECONDS": "300",
                "LOG_FORMAT": "json",
            },
        )
        self.project.manage("migrate", "-v", "0")
        self.project.manage("setup")
        self.hosts = [Host(number + 1, self.project) for number in range(HOSTS)]
        self.imports = Import(self.project)
        self.project.wait_until(
            lambda: all(host.worker() for host in self.hosts), seconds=120, what="all were up"
        )

    def run(self, *, seconds: float) -> None:
        self.began = time.monotonic()
        until = self.began + seconds
        feeding = threading.Thread(target=self.imports.run, args=[until])
        feeding.start()
        faults = [threading.Thread(target=self._strike, args=[kind, until]) for kind in self.kinds]
        for thread in faults:
            thread.start()
        for thread in [*faults, feeding]:
            thread.join()
        self._say("the faults are over")
        self.project.wait_until(
            lambda: self.project.count(LIVE) == 0, seconds=600, what="all was analysed"
        )
        self._say("all is analysed")
        time.sleep(STALE + 15)  # who is to be restarted still, is

    # ── Faults: each kind strikes now and then, beside the others ─────────────────────────────────
    @property
    def kinds(self) -> list[Callable[[], None]]:
        of_hosts = [self.cut_network, self.kill_worker, self.freeze_worker, self.freeze_host]
        return [*of_hosts, self.crash_database, self.take_photos_away]

    def _strike(self, kind: Callable[[], None], until: float) -> None:
        while time.monotonic() + (wait := self.dice.uniform(15, 45)) < until:
            time.sleep(wait)
            kind()

    def cut_network(self) -> None:
        host, seconds = self.dice.choice(self.hosts), self.dice.uniform(5, 20)
        self._count(f"{host.name}: network cut for {seconds:.0f} s", "network cuts")
        host.pull_cable()
        time.sleep(seconds)
        host.plug_cable()

    def kill_worker(self) -> None:
        host = self.dice.choice(self.hosts)
        if worker := self._worker(host):
            self._count(f"{host.name}: worker killed", "workers killed")
            # django-q starts another; one killed while it held the queue's lock takes a restart,
            # after so long a silence while the database can be reached.
            self._excuse(host, seconds=3 * STALE)
            worker.send_signal(signal.SIGKILL)

    def freeze_worker(self) -> None:
        host = self.dice.choice(self.hosts)
        if worker := self._worker(host):
            self._count(f"{host.name}: worker frozen for {FROZEN:.0f} s", "workers frozen")
            self._excuse(host, seconds=FROZEN + 2 * STALE)
            self._frozen([worker])

    def freeze_host(self) -> None:
        host = self.dice.choice(self.hosts)
        self._count(f"{host.name}: all of it frozen for {FROZEN:.0f} s", "hosts frozen")
        self._frozen(host.all_processes())

    def crash_database(self) -> None:
        seconds = self.dice.uniform(1, 15)
        self._count(f"database crashed, away for {seconds:.0f} s", "database crashes")
        self.server.crash()
        time.sleep(seconds)
        self.server.start()

    def take_photos_away(self) -> None:
        seconds = self.dice.uniform(5, 20)
        self._count(f"photos away for {seconds:.0f} s", "photos away")
        (self.folder / "drive").rename(self.folder / "away")
        time.sleep(seconds)
        (self.folder / "away").rename(self.folder / "drive")

    def faults(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.done.items())

    def _worker(self, host: Host) -> psutil.Process | None:
        with contextlib.suppress(Exception):  # the server is down: another time
            return host.worker()
        return None

    def _frozen(self, processes: list[psutil.Process]) -> None:
        for which in (signal.SIGSTOP, signal.SIGCONT):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(which)
            time.sleep(FROZEN if which == signal.SIGSTOP else 0)

    def _excuse(self, host: Host, *, seconds: float) -> None:
        """A cluster may be restarted for this fault until then."""
        self.excused.setdefault(host.name, []).append((time.time(), time.time() + seconds))

    def _count(self, what: str, kind: str) -> None:
        self.done[kind] += 1
        self._say(what)

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:5.0f} s  {what}", flush=True)

    def close(self) -> None:
        for host in self.hosts:
            host.close()
        self.project.close()
        self.server.crash()


if __name__ == "__main__":
    main()
