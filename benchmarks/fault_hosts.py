"""Hosts for `benchmarks.faults`: each in namespaces of its own, with a cable that can be pulled.

A host has its own network, process ids and name, so it is another machine for clipmod; between it
and the database runs a cable (veth). The PostgreSQL server is private, and may be stopped.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tools.live_project import ROOT, LiveProject

NETWORK = "10.213"
PORT = 54329


def missing() -> str:
    """What this machine lacks for it; empty where it has all."""
    lacks = [name for name in ("ip", "unshare", "runuser", "initdb") if shutil.which(name) is None]
    if os.geteuid() != 0:
        lacks.append("root")
    return ", ".join(lacks)


@dataclass
class Server:
    """A PostgreSQL server of our own, configured as it is installed."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        shutil.chown(self.folder, _postgres())
        self._as_postgres("initdb", "-A", "trust", "-U", "postgres", str(self._data))
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {NETWORK}.0.0/16 trust\n")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"port = {PORT}\nlisten_addresses = '*'\n")
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def url(self, address: str = "127.0.0.1") -> str:
        return f"postgres://postgres@{address}:{PORT}/postgres"

    def start(self) -> None:
        self._as_postgres("pg_ctl", "-D", str(self._data), "-l", f"{self._data}.log", "-w", "start")

    def crash(self) -> None:
        """Gone without a word to anybody, and with recovery at the next start."""
        self._as_postgres("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def _as_postgres(self, *command: str) -> None:
        subprocess.run(
            ["runuser", "-u", _postgres(), "--", *command],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _postgres() -> str:
    """A user whom PostgreSQL runs under: it refuses root."""
    return "postgres" if getpass.getuser() == "root" else getpass.getuser()


@dataclass
class Host:
    """A machine with a worker: `number` 1 to 250."""

    number: int
    project: LiveProject
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("address", "add", f"{self._here}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        for command in (
            f"address add {NETWORK}.{self.number}.2/30 dev eth0",
            "link set eth0 up",
            "link set lo up",
        ):
            _ip("-n", self.name, *command.split())
        url = self.project.environment["DATABASE_URL"].replace("127.0.0.1", self._here)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self.name),
                    *("unshare", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc"),
                    *("sh", "-c", f'hostname {self.name} && exec "$@"', "sh"),
                    *(sys.executable, str(ROOT / "manage.py"), "worker"),
                ],
                env=self.project.environment | {"DATABASE_URL": url},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def name(self) -> str:
        return f"clipmod-host{self.number}"

    @property
    def log(self) -> Path:
        return self.project.folder / f"{self.name}.log"

    @property
    def _cable(self) -> str:
        return f"clipmod{self.number}"

    @property
    def _here(self) -> str:
        return f"{NETWORK}.{self.number}.1"

    def pull_cable(self) -> None:
        _ip("link", "set", self._cable, "down")

    def plug_cable(self) -> None:
        _ip("link", "set", self._cable, "up")

    def all_processes(self) -> list[psutil.Process]:
        """Supervisor, cluster and worker, without what made the namespaces."""
        return [
            process
            for process in psutil.Process(self.process.pid).children(recursive=True)
            if process.name() != "unshare"
        ]

    def worker(self) -> psutil.Process | None:
        """The process that runs tasks, by its newest heartbeat; None while there is none."""
        pids = {_pid_inside(process): process for process in self.all_processes()}
        names = self.project.rows(
            "SELECT worker FROM moderation_heartbeat WHERE worker LIKE ? ORDER BY heartbeat_at",
            [f"{self.name}-%"],
        )
        found = [pids.get(int(name.split("/")[1])) for (name,) in names]
        return found[-1] if found else None

    def close(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in self.all_processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        _ip("link", "delete", self._cable)
        _ip("netns", "delete", self.name)


def _pid_inside(process: psutil.Process) -> int:
    """A process's id as it knows it itself."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0
    (line,) = [line for line in lines if line.startswith("NSpid:")]
    return int(line.split()[-1])


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
