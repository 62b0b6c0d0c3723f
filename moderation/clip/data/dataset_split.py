"""Divide a checked CSV into train.csv and val.csv so that no product stands in both."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moderation.clip.atomic import whole_folder
from moderation.clip.data import grouping, partition
from moderation.clip.data.dataset_check import DatasetRefused, Table
from moderation.clip.data.dataset_report import DatasetReport, Row

FILES = ("train.csv", "val.csv")


@dataclass(frozen=True)
class Part:
    """What went into one file."""

    file: str
    matches: int
    mismatches: int
    groups: int


def split(
    table: Table, report: DatasetReport, *, folder: Path, share: float = 0.8, seed: int = 0
) -> list[Part]:
    """Write train.csv (about `share` of the rows of each label) and val.csv into a new folder.

    All columns are kept, and `group` names what must stay together: same photo, near-duplicate
    photo, same title (see `grouping`). Rows whose photo cannot be read are skipped. Writes both
    files or nothing. Raises `DatasetRefused`, `ModelError`.
    """
    if not report.is_fit:
        raise DatasetRefused(f"{report.verdict} Nothing was divided.")
    names = _group_names(report.usable)
    sizes: dict[str, tuple[int, int]] = {}
    for row, name in zip(report.usable, names, strict=True):
        wrong, right = sizes.get(name, (0, 0))
        sizes[name] = (wrong + (row.label == 0), right + row.label)
    halves = partition.halves(sizes, share=share, seed=seed)
    if not all(halves):
        raise DatasetRefused(
            "All rows belong to one group (same or near-identical photo, or same title): they "
            "cannot be divided without the same product on both sides."
        )
    parts = [
        Part(
            file,
            matches=sum(sizes[name][1] for name in half),
            mismatches=sum(sizes[name][0] for name in half),
            groups=len(half),
        )
        for file, half in zip(FILES, halves, strict=True)
    ]
    columns = [name for name in table.columns if name != "group"] + ["group"]
    by_line = dict(table.rows)
    with whole_folder(folder, what="data set") as unfinished:
        for file, half in zip(FILES, halves, strict=True):
            with (unfinished / file).open("w", encoding="utf-8", newline="") as out:
                writer = csv.DictWriter(out, columns, lineterminator="\n")
                writer.writeheader()
                for row, name in zip(report.usable, names, strict=True):
                    if name in half:
                        writer.writerow({**by_line[row.line], "group": name})
    return parts


def _group_names(rows: Sequence[Row]) -> list[str]:
    """A name for the group of each row, made of the group's first row."""
    first = grouping.groups(
        images=[row.image for row in rows],
        signatures=np.stack([row.signature for row in rows]),
        titles=[row.text for row in rows],
    )
    return [
        hashlib.sha256(f"{rows[leader].image}\n{rows[leader].text}".encode()).hexdigest()[:16]
        for leader in first
    ]
