"""Look through a CSV of labelled pairs before anything is trained on it.

Errors are what would spoil a training or an evaluation: the file is to be fixed first. Warnings
are what one should know.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moderation.clip.data import grouping, spreadsheet
from moderation.clip.data.dataset_report import DatasetReport, Finding, Row, Severity
from moderation.clip.data.tables.rows import allow_large_cells
from moderation.clip.errors import ClipError, ImageError
from moderation.clip.finetune.refusals import MAX_UNREADABLE, MIN_OF_EACH, picture_sha256
from moderation.clip.folding import folded
from moderation.clip.pictures.images import open_image

COLUMNS = ("image_path", "text", "label")
MAX_TEXT = 500
MAX_RATIO = 5.0

Progress = Callable[[int, int], None]


class DatasetRefused(ClipError):
    """A CSV that cannot be read or divided at all; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class Table:
    """A CSV as text: its columns, and its rows with the lines they begin or end on."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]
    # Lines with more fields than there are columns, such as a comma in a text without quotes.
    overlong: list[int]


def read(path: Path) -> Table:
    """The rows of a CSV. Raises `DatasetRefused`."""
    allow_large_cells()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = [name for name in reader.fieldnames or [] if name != spreadsheet.MARK]
            rows = [(reader.line_num, spreadsheet.plain(row)) for row in reader]
    except FileNotFoundError as error:
        raise DatasetRefused(f"There is no file {path}; give the path of a CSV file.") from error
    except UnicodeDecodeError as error:
        raise DatasetRefused(f"{path.name} is not UTF-8 text; save it as “CSV UTF-8”.") from error
    except (OSError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise DatasetRefused(f"{path.name} cannot be read as a CSV file: {why}.") from error
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise DatasetRefused(
            f"{path.name} has no column {', '.join(missing)}; it needs {','.join(COLUMNS)}, and "
            f"its first line is {','.join(columns) or 'empty'}."
        )
    # Fields beyond the header come under None, which no column is called (an index column is "").
    return Table(columns, rows, [line for line, row in rows if None in row])


def check(
    table: Table, *, folder: Path, progress: Progress = lambda done, total: None
) -> DatasetReport:
    """Look at every row and photo; paths are relative to `folder`."""
    report = DatasetReport(rows=len(table.rows))
    if not table.rows:
        report.findings.append(Finding("empty", "error", "the file has no rows"))
        return report
    complete = _complete(table, report)
    photos = _photos({row["image_path"] for _, row in complete}, folder, progress)
    for line, row in complete:
        found = photos[row["image_path"]]
        if not isinstance(found, str):
            label = int(row["label"].strip())
            report.usable.append(Row(line, row["image_path"], row["text"], label, *found))
    _add_unreadable(report, complete, photos)
    report.findings += _balance(report)
    _add_repeated(report)
    return report


# ── Values ────────────────────────────────────────────────────────────────────────────────────
def _complete(table: Table, report: DatasetReport) -> list[tuple[int, dict[str, str]]]:
    """The rows with all values and a label; what is wrong with others goes to the report."""
    overlong = set(table.overlong)
    numbered = [(line, row) for line, row in table.rows if line not in overlong]
    missing = [line for line, row in numbered if any(not row[name].strip() for name in COLUMNS)]
    without = set(missing)
    wrong = [
        line
        for line, row in numbered
        if line not in without and row["label"].strip() not in ("0", "1")
    ]
    long = [line for line, row in numbered if len(row["text"]) > MAX_TEXT]
    add = report.add
    add("overlong_row", table.overlong, "{} with more fields than columns: a text with a comma "
        "needs quotes")  # fmt: skip
    add("missing_value", missing, "{} without an image_path, text or label")
    add("wrong_label", wrong, "{} whose label is not 0 (mismatch) or 1 (match)")
    told = f"{{}} with a text of more than {MAX_TEXT} characters"
    add("long_text", long, told, severity="warning")
    left_out = without | set(wrong)
    return [(line, row) for line, row in numbered if line not in left_out]


def _balance(report: DatasetReport) -> Iterator[Finding]:
    report.matches = sum(row.label for row in report.usable)
    report.mismatches = len(report.usable) - report.matches
    few, many = sorted((report.matches, report.mismatches))
    told = f"{report.matches:,} matches and {report.mismatches:,} mismatches"
    if few == 0:
        yield Finding("one_class", "error", f"{told}: nothing can be learnt from one class")
        return
    if few < MIN_OF_EACH:
        yield Finding("few", "warning", f"{told}; a training needs {MIN_OF_EACH} of each")
    if many > MAX_RATIO * few:
        yield Finding(
            "imbalance", "warning", f"{told}: {many / few:.1f} to 1, worse than {MAX_RATIO:g} to 1"
        )


# ── Photos ────────────────────────────────────────────────────────────────────────────────────
def _photos(
    paths: set[str], folder: Path, progress: Progress
) -> dict[str, tuple[str, np.ndarray] | str]:
    """For each path the photo's SHA-256 and signature, or a sentence on why it is unreadable."""

    def load(path: str) -> tuple[str, np.ndarray] | str:
        try:
            image = open_image(folder / path, shortest_edge=grouping.SIDE)
            return picture_sha256(folder / path), grouping.signature(image)
        except (ImageError, OSError) as error:
            return str(error)

    names = sorted(paths)
    found = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (name, photo) in enumerate(zip(names, pool.map(load, names), strict=True), 1):
            found[name] = photo
            progress(done, len(names))
    return found


def _add_unreadable(
    report: DatasetReport,
    rows: Sequence[tuple[int, dict[str, str]]],
    photos: dict[str, tuple[str, np.ndarray] | str],
) -> None:
    lines = [line for line, row in rows if isinstance(photos[row["image_path"]], str)]
    if not lines:
        return
    share = len(lines) / len(rows)
    first = next(found for found in photos.values() if isinstance(found, str))
    told = f"{{}} ({share:.1%}) with a missing or unreadable image, such as: {first}"
    severity: Severity = "error" if share > MAX_UNREADABLE else "warning"
    report.add("unreadable_image", lines, told, severity=severity)


# ── Rows against each other ───────────────────────────────────────────────────────────────────
def _add_repeated(report: DatasetReport) -> None:
    """The same pair twice, or with both labels; a photo is its bytes, whatever its name."""
    rows, add = report.usable, report.add
    pairs: dict[tuple[str, str], list[Row]] = {}
    names: dict[str, set[str]] = {}
    for row in rows:
        pairs.setdefault((row.image, folded(row.text)), []).append(row)
        names.setdefault(row.image, set()).add(row.image_path)
    both = [found for found in pairs.values() if len({row.label for row in found}) == 2]
    twice = [found for found in pairs.values() if len(found) > len({row.label for row in found})]
    lines = sorted(row.line for found in both for row in found)
    add("contradiction", lines, "{} that give the same photo and text both labels")
    lines = sorted(row.line for found in twice if found not in both for row in found[1:])
    told = "{} that repeat the photo and text of an earlier one"
    add("duplicate", lines, told, severity="warning")
    lines = [row.line for row in rows if len(names[row.image]) > 1]
    add("same_photo", lines, "{} whose photo also lies under another name", severity="warning")
