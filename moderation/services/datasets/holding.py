"""Which data sets, and the model versions that came of them, hold certain listings."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from moderation.clip.data import spreadsheet
from moderation.clip.data.tables.rows import allow_large_cells
from moderation.models import ModelVersion, TrainingRun


@dataclass(frozen=True)
class DataSet:
    """The folder of a data set that trainings used, and the names of what was built with it.

    `is_gone`: the folder is no longer there, so that nobody knows what it held.
    """

    folder: str
    versions: tuple[str, ...]
    is_gone: bool = False

    def __str__(self) -> str:
        built = f"; built with it: {', '.join(self.versions)}" if self.versions else ""
        gone = " is gone, so what it held is not known" if self.is_gone else ""
        return f"{self.folder}{gone}{built}"


def data_sets(*, product_ids: Collection[str], photos: Collection[str]) -> list[DataSet]:
    """Those that name one of these products, or show one of these photos (SHA-256)."""
    runs: dict[str, list[TrainingRun]] = defaultdict(list)
    for run in TrainingRun.objects.exclude(dataset="").order_by("pk"):
        runs[run.dataset].append(run)
    found = []
    for folder, of_folder in runs.items():
        is_gone = not Path(folder).is_dir()
        if is_gone or _holds(Path(folder), product_ids=product_ids, photos=photos):
            made = [run.version_id for run in of_folder if run.version_id is not None]
            found.append(DataSet(folder, tuple(_with_heirs(made)), is_gone))
    return found


def _holds(folder: Path, *, product_ids: Collection[str], photos: Collection[str]) -> bool:
    return any(
        row.get("product_id") in product_ids
        or (row.get("image_sha256") or Path(row.get("image_path") or "").stem) in photos
        for row in _rows(folder)
    )


def _rows(folder: Path) -> Iterator[dict[str, str]]:
    allow_large_cells()
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from map(spreadsheet.plain, csv.DictReader(file))


def _with_heirs(keys: list[int]) -> list[str]:
    """The names of these versions and of those that come from them, oldest first."""
    found = set(keys)
    while heirs := set(
        ModelVersion.objects.filter(parent__in=found)
        .exclude(pk__in=found)
        .values_list("pk", flat=True)
    ):
        found |= heirs
    return list(
        ModelVersion.objects.filter(pk__in=found).order_by("pk").values_list("name", flat=True)
    )
