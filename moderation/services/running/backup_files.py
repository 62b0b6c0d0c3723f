"""What a backup consists of: a folder with a manifest that knows each of its files.

manifest.json               the hash of every file, the state of the database, rows by table
database.sqlite3 or .dump   of SQLite the file itself, of PostgreSQL what `pg_dump -Fc` writes
media/                      the photos; with a list instead of them, the manifest has their hashes
checkpoints/                the models that were trained here
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

MANIFEST = "manifest.json"
FORMAT = 1
SQLITE, POSTGRESQL = "database.sqlite3", "database.dump"
MEDIA, CHECKPOINTS = "media", "checkpoints"
_PIECE = 2**20

Progress = Callable[[int, int], None]


class BackupError(Exception):
    """A backup that cannot be made, trusted or put back; `str(error)` is a sentence for people."""


@dataclass
class Manifest:
    """What a backup holds. Paths are relative to it, hashes are SHA-256."""

    created_at: str
    database: str  # the name of its file, which tells its kind
    migrations: dict[str, list[str]]  # application -> those that were applied
    rows: dict[str, int]  # table -> how many
    files: dict[str, str] = field(default_factory=dict)  # path -> hash
    listed: dict[str, str] | None = None  # photo -> hash, where they were not copied
    lost: list[str] = field(default_factory=list)  # photos of rows that were not there, or damaged
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Written last: a folder without it is no backup."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Raises `BackupError`."""
        path = folder / MANIFEST
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                raise BackupError(f"{folder} was made by a newer clipmod; read it with that one.")
            return cls(**found)
        except FileNotFoundError as error:
            raise BackupError(f"{folder} is no backup: it has no {MANIFEST}.") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{path} cannot be read ({error}).") from error


def copy(source: BinaryIO, target: Path) -> str:
    """Write all of it to a new file, to the disk; returns its hash."""
    digest = hashlib.sha256()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inside(folder: Path, name: str) -> Path:
    """Where a name of a manifest leads, which somebody may have written. Raises `BackupError`."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BackupError(f"{name} leads out of {folder}; this backup is not to be trusted.")
    return path


def is_empty(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def counted(names: Iterable[str], what: str) -> str:
    """A list that may be long, for a sentence: "3 photos, a.jpg first"."""
    found = list(names)
    return f"{len(found):,} {what}{'' if len(found) == 1 else 's'}, {found[0]} first"
