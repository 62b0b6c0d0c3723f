"""The file that a name means, where the two are not written alike.

macOS writes an accent behind its letter (NFD), others write both as one sign (NFC); Windows writes
backslashes and does not tell capitals apart; exports of web shops encode them (`red%20shirt.jpg`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote


def folded(name: str) -> str:
    """The same for all ways to write a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def slashed(name: str) -> str:
    """With slashes between its folders, as Windows writes backslashes."""
    return name.replace("\\", "/")


def spellings(name: str) -> tuple[str, ...]:
    """The name as it is written, with slashes, and without the encoding of addresses."""
    decoded = slashed(unquote(name, errors="surrogateescape"))
    readable = decoded if decoded.isprintable() else name
    return tuple(dict.fromkeys((name, slashed(name), readable)))


def in_either_form(root: Path, name: str) -> Path:
    """The file of this name in NFC or NFD; where neither is there, the path as it is written."""
    written = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
    return next((root / one for one in written if _is_there(root / one)), root / name)


@dataclass(frozen=True)
class PhotoNames:
    """The files below a folder, each of whose folders is listed at most once."""

    base: Path
    _listed: dict[Path, dict[str, list[str]]] = field(default_factory=dict)

    def find(self, name: str) -> list[Path]:
        """What a row may mean by a name: that very file, else all that are named like it.

        A folder that holds one folder and nothing else, as many a ZIP does, is looked through too.
        """
        written = spellings(name)
        for one in written:
            if _is_there(self.base / one):
                return [self.base / one]
        found = (self._like(PurePosixPath(slashed(one))) for one in written)
        return next((one for one in found if one), [])

    def _like(self, path: PurePosixPath) -> list[Path]:
        if path.is_absolute():
            return self._alike(Path("/"), path.parts[1:])
        found = self._alike(self.base, path.parts)
        return found or [one for folder in self._only() for one in self._alike(folder, path.parts)]

    def _alike(self, start: Path, parts: Sequence[str]) -> list[Path]:
        found = [start]
        for part in parts:
            if part == "..":
                found = [folder / part for folder in found]
            else:
                found = [folder / name for folder in found for name in self._named(folder, part)]
        return found

    def _named(self, folder: Path, name: str) -> Sequence[str]:
        return self._names(folder).get(folded(name), ())

    def _names(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._listed:
            names: dict[str, list[str]] = {}
            for name in _inside(folder):
                names.setdefault(folded(name), []).append(name)
            self._listed[folder] = names
        return self._listed[folder]

    def _only(self) -> list[Path]:
        inside = [self.base / name for names in self._names(self.base).values() for name in names]
        return inside if len(inside) == 1 and inside[0].is_dir() else []


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a folder that may not be looked into: whoever reads it says so
        return True


def _inside(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []
