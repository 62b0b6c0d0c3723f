"""A clipmod of its own in a temporary folder, run as real processes that tests may kill."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil

ROOT = Path(__file__).resolve().parents[1]
DATABASE = "live.sqlite3"


class Template(Protocol):
    """What a project may start from: its database, a file in a folder or one of PostgreSQL's."""

    @property
    def folder(self) -> Path: ...

    @property
    def postgres(self) -> str: ...


@dataclass
class LiveProject:
    """Own database (of the kind the suite runs on), own media folder, own processes.

    The database is empty, or a copy of that of `template`, which nothing may be connected to.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    template: Template | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    postgres: str = ""
    code: Path = ROOT  # the checkout that runs

    def __post_init__(self) -> None:
        url = os.environ.get("DATABASE_URL", "")
        database = f"sqlite:///{self.folder / DATABASE}"
        if url.startswith("postgres"):
            self.postgres = f"clipmod_live_{uuid.uuid4().hex[:12]}"
            template = f" TEMPLATE {self.template.postgres}" if self.template else ""
            self._on_server(f"CREATE DATABASE {self.postgres}{template}")
            database = f"{url.rpartition('/')[0]}/{self.postgres}"
        elif self.template:
            shutil.copy(self.template.folder / DATABASE, self.folder)
        self.environment = {
            **os.environ,
            "DATABASE_URL": database,
            "MEDIA_ROOT": str(self.folder / "media"),
            "DEMO_DIR": str(self.folder / "demo"),
            "CLIP_EXPORT_DIR": str(self.folder / "exported"),
            "CLIP_MODEL_NAME": "bundled",
            "LOG_LEVEL": "WARNING",
            "ANALYSIS_LEASE_SECONDS": "20",
            "WORKER_STALE_SECONDS": "12",
            # Only what is flagged enters: the audit draws by a hash of the ids.
            **dict.fromkeys(("AUDIT_SHARE", "AUDIT_FLAGGED_SHARE", "GOLD_SHARE"), "0"),
            **self.environment,
        }

    def _on_server(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(statement)

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.code / "manage.py"), *arguments],
            env=self.environment,
            cwd=self.code,
            check=check,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, str(self.code / "manage.py"), *arguments],
                env=self.environment,
                cwd=self.code,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A suite that was started in the background ignores Ctrl-C, and would hand that on.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self.processes.append(process)
        return process

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if self.postgres:
            import psycopg

            with psycopg.connect(self.environment["DATABASE_URL"]) as server:
                return list(server.execute(sql.replace("?", "%s"), parameters).fetchall())
        connection = sqlite3.connect(self.folder / DATABASE, timeout=20)
        try:
            return list(connection.execute(sql, parameters).fetchall())
        finally:
            connection.close()

    def count(self, where: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM moderation_analysis WHERE {where}")[0][0])

    def workers(self) -> list[psutil.Process]:
        """The processes that run tasks, by the heartbeats they wrote."""
        found = []
        for (name,) in self.rows("SELECT worker FROM moderation_heartbeat"):
            pid = int(name.split("/")[1])
            if psutil.pid_exists(pid):
                found.append(psutil.Process(pid))
        return found

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}\n" + (
                self.logs()
            )
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(
            f"── {log.name}\n{log.read_text(errors='replace')[-3000:]}"
            for log in sorted(self.folder.glob("*.log"))
        )

    def close(self) -> None:
        for process in self.processes:
            _kill_tree(process.pid)
            process.wait()
        if self.postgres:
            self._on_server(f"DROP DATABASE {self.postgres} WITH (FORCE)")


def _kill_tree(pid: int) -> None:
    """Kill a process and all below it, whatever session they are in."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
