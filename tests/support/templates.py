"""What each worker of a run starts from, made once for all of them: tables, and an installation.

Tables take more than twenty migrations, which is ten seconds of a core; a copy takes none.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tools.live_project import DATABASE, LiveProject, Template

_FOLDER = "CLIPMOD_TEST_TEMPLATES"  # the environment's name for where they are, for the workers
_MADE = "made"  # a file with the name of the template's database, once the template is whole


@dataclass(frozen=True)
class Copied:
    """A template as another process made it."""

    folder: Path
    postgres: str


def migrated() -> Template:
    """All tables, as `migrate` leaves them."""
    return _once("migrated", lambda project: project.manage("migrate", "-v", "0"))


def installed() -> Template:
    """A new installation: tables, groups and the bundled model."""
    return _once("installed", lambda project: project.manage("setup"), template=migrated)


def for_workers(connection: Any) -> None:
    """Let Django make this worker's database from the tables; alone, it needs no template."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    template = migrated()
    if template.postgres:
        connection.settings_dict["TEST"]["TEMPLATE"] = template.postgres
        return
    create = connection.creation._create_test_db

    def copied(*how: Any, **more: Any) -> str:
        name: str = create(*how, **more)
        shutil.copy(template.folder / DATABASE, name)
        return name

    connection.creation._create_test_db = copied


def _once(
    name: str,
    make: Callable[[LiveProject], Any],
    *,
    template: Callable[[], Template] | None = None,
) -> Template:
    """Made by the first who asks, while the others wait."""
    folder = Path(os.environ[_FOLDER], name)
    with _locked(folder.with_suffix(".lock")):
        if not (made := folder / _MADE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            project = LiveProject(folder, template=template() if template else None)
            try:
                make(project)
            except BaseException:
                project.close()
                raise
            made.write_text(project.postgres)
    return Copied(folder, made.read_text())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ── Around the run: workers come and go, who started them stays ───────────────────────────────
def begin() -> None:
    """The folder of the templates, which workers find in their environment."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="clipmod-templates-")


def remove() -> None:
    """All that was made, when no worker needs it any more."""
    folder = Path(os.environ.pop(_FOLDER))
    for made in folder.glob(f"*/{_MADE}"):
        if name := made.read_text():
            with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
                server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    shutil.rmtree(folder)
