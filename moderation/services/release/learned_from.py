"""What versions have learned from: photos, near-duplicates of them, and titles.

A version may not be judged by what it has seen. The rule is that of the parts of a data set
(`clip.data.grouping`): the same photo, a near-duplicate photo, the same title.
"""

from __future__ import annotations

import csv
import logging
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from django.conf import settings

from moderation.clip.data import grouping, spreadsheet
from moderation.clip.data.similar import title
from moderation.clip.data.tables.rows import allow_large_cells
from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import open_image
from moderation.models import ModelVersion, TrainingRun

from ..rules import many_photos, photos, photos_away
from ..rules.photos import Source

logger = logging.getLogger(__name__)

_FILES = ("train.csv", "validation.csv", "calibration.csv", "listings.csv")
# Beside the data set: to read ten thousand photos once more would take half a minute.
_KEPT = "photo-signatures.npz"
_READ_AT_ONCE = 500


@dataclass
class Seen:
    """What some versions were trained on."""

    photos: set[str] = field(default_factory=set)  # SHA-256
    titles: set[str] = field(default_factory=set)
    signatures: list[np.ndarray] = field(default_factory=list)  # each [n, 768] uint8
    is_whole: bool = True  # False: files are gone that would show more

    def holds(self, pairs: Sequence[tuple[Source, str, str]]) -> list[bool]:
        """Whether each (photo, its SHA-256, text) is among it, or is too much like it."""
        found = [sha in self.photos or title(text) in self.titles for _, sha, text in pairs]
        known = np.concatenate(self.signatures) if self.signatures else np.zeros((0, 0))
        left = {path: 1 for (path, *_), was in zip(pairs, found, strict=True) if not was}
        if not len(known) or not left:
            return found
        own = _signatures(list(left))
        alike = dict(
            zip(own, grouping.near_duplicates(np.stack([*own.values()]), known), strict=True)
            if own
            else ()
        )
        return [was or bool(alike.get(path)) for was, (path, *_) in zip(found, pairs, strict=True)]


def learned_from(
    versions: Iterable[ModelVersion], *, alive: Callable[[], None] = lambda: None
) -> Seen:
    """What these versions, or those they come from, have seen; `alive` is called now and then."""
    seen = Seen()
    for run in TrainingRun.objects.filter(version__in=_lineage(versions)).exclude(dataset=""):
        folder = Path(run.dataset)
        if not (folder / _FILES[0]).is_file():
            logger.warning("%s is gone: version %s is judged on gold only", folder, run.version)
            seen.is_whole = False
        names: set[str] = set()
        for row in _rows(folder):
            seen.photos.add(row.get("image_sha256") or Path(row["image_path"]).stem)
            seen.titles.add(title(row["text"]))
            names.add(row["image_path"])
        found = _of_data_set(run, sorted(names), alive=alive)
        if len(found) < len(names):
            logger.warning(
                "%d of the photos that version %s was trained on cannot be read: near-duplicates "
                "of them may be among what it is judged by",
                len(names) - len(found),
                run.version,
            )
        if found:
            seen.signatures.append(np.stack(list(found.values())))
    return seen


@dataclass(frozen=True)
class Names:
    """The photos (SHA-256) and titles by which the weights of a version were trained or chosen."""

    photos: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    is_whole: bool = True

    def hold(self, sha256: str, text: str) -> bool:
        """Whether the pair is among them; near-duplicate photos are not looked for."""
        return sha256 in self.photos or title(text) in self.titles


def names_learned(version: ModelVersion) -> Names:
    """By name only, so that a page can ask: what the weights of this version have learned from.

    A calibration changes no weights, and the part that probabilities are fitted on trains none.
    """
    runs = TrainingRun.objects.filter(version__in=_lineage([version])).exclude(dataset="")
    parts = [
        _names(Path(run.dataset), _changed_at(Path(run.dataset)))
        for run in runs.exclude(mode=TrainingRun.Mode.CALIBRATE).order_by("pk")
    ]
    return Names(
        photos=frozenset().union(*(part.photos for part in parts)),
        titles=frozenset().union(*(part.titles for part in parts)),
        is_whole=all(part.is_whole for part in parts),
    )


def _changed_at(folder: Path) -> int | None:
    try:
        return (folder / _FILES[0]).stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=8)
def _names(folder: Path, changed_at: int | None) -> Names:
    if changed_at is None:
        return Names(is_whole=False)
    photos, titles = set(), set()
    for row in _rows(folder, [name for name in _FILES if name != "calibration.csv"]):
        photos.add(row.get("image_sha256") or Path(row["image_path"]).stem)
        titles.add(title(row["text"]))
    return Names(frozenset(photos), frozenset(titles))


def _rows(folder: Path, files: Sequence[str] = _FILES) -> Iterator[dict[str, str]]:
    allow_large_cells()
    for name in files:
        path = folder / name
        if path.is_file():
            # A spreadsheet's CSV may begin with a byte order mark, and is kept as it came.
            with path.open(newline="", encoding="utf-8-sig") as file:
                yield from map(spreadsheet.plain, csv.DictReader(file))


def _lineage(versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    found: dict[int, ModelVersion] = {}
    for version in versions:
        ancestor: ModelVersion | None = version
        while ancestor is not None and ancestor.pk not in found:
            found[ancestor.pk] = ancestor
            ancestor = ancestor.parent
    return list(found.values())


# ── Photos ────────────────────────────────────────────────────────────────────────────────────
def _of_data_set(
    run: TrainingRun, names: Sequence[str], *, alive: Callable[[], None]
) -> dict[str, np.ndarray]:
    """The signatures of a training's photos by their paths in its files, as far as they are there.

    Where the data set is ours they are kept beside it: its photos never change.
    """
    home = Path(run.dataset).parent
    is_ours = home != (ours := Path(settings.CLIP_CHECKPOINT_DIR)) and home.is_relative_to(ours)
    found = _kept(home / _KEPT) if is_ours else {}
    missing = {name: path for name in names if name not in found and (path := _find(run, name))}
    read: dict[Source, np.ndarray] = {}
    paths = list(missing.values())
    for start in range(0, len(paths), _READ_AT_ONCE):
        alive()
        read |= _signatures(paths[start : start + _READ_AT_ONCE])
    found |= {name: read[path] for name, path in missing.items() if path in read}
    if is_ours and read:
        _keep(home / _KEPT, found)
    return {name: found[name] for name in names if name in found}


def _find(run: TrainingRun, name: str) -> Source | None:
    """Where a path of the files leads: into the data set, the CSV's own folder or the media."""
    options = run.options
    own = options.get("image_base_path") or Path(options.get("train_csv") or "").parent
    places = [Path(run.dataset), *([Path(own)] if options.get("train_csv") else [])]
    found = next((path for path in (place / name for place in places) if path.is_file()), None)
    return found or (photos.source(name) if photos.exists(name) else None)


def _signatures(paths: Sequence[Source]) -> dict[Source, np.ndarray]:
    """What near-duplicates are found by, of each photo that can be read."""
    with ThreadPoolExecutor(many_photos.threads()) as pool:
        found = dict(zip(paths, pool.map(_signature, paths), strict=True))
    lost = [path for path, signature in found.items() if signature is None]
    photos_away.check([(path, bad) for path in lost if (bad := photos.trouble(path))])
    return {path: signature for path, signature in found.items() if signature is not None}


def _signature(path: Source) -> np.ndarray | None:
    try:
        return grouping.signature(open_image(path, shortest_edge=grouping.SIDE))
    except (ImageError, OSError):
        return None


def _kept(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(zip(stored["names"].tolist(), stored["signatures"], strict=True))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}  # not there, or cut off: the photos are read again


def _keep(path: Path, found: dict[str, np.ndarray]) -> None:
    """Replaced in one step, so that nobody reads half of it."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, names=list(found), signatures=np.stack(list(found.values())))
        Path(file.name).replace(path)
    except OSError as error:
        logger.warning("%s cannot be written (%s): photos are read each time", path, error)
