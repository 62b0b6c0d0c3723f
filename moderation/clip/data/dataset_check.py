"""Look through a CSV of labelled pairs before anything is trained on it.

Errors are what would spoil a training or an evaluation: the file is to be mended first. Warnings
are what one should know.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from moderation.clip.data import grouping
from moderation.clip.errors import ClipError, ImageError
from moderation.clip.finetune.refusals import MIN_OF_EACH
from moderation.clip.pictures.images import open_image

COLUMNS = ("image_path", "text", "label")
MAX_TEXT = 500
MAX_RATIO = 5.0
MAX_UNREADABLE = 0.02

Severity = Literal["error", "warning"]
Progress = Callable[[int, int], None]


class DatasetRefused(ClipError):
    """A CSV that cannot be read or divided at all; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class Finding:
    """One kind of trouble; `lines` are line numbers of the file, the header being line 1."""

    kind: str
    severity: Severity
    message: str
    lines: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A row that can be used; `image` is the SHA-256 of the photo's bytes."""

    line: int
    image_path: str
    text: str
    label: int
    image: str
    signature: np.ndarray


@dataclass
class Report:
    """What was found in a file."""

    rows: int = 0
    matches: int = 0
    mismatches: int = 0
    findings: list[Finding] = field(default_factory=list)
    usable: list[Row] = field(default_factory=list)

    @property
    def is_fit(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One line for people."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        if errors:
            return f"Not fit for training: {_count(errors, 'error')} to mend first."
        if min(self.matches, self.mismatches) < MIN_OF_EACH:
            return "Sound, but too small to train on."
        if warnings:
            return f"Fit for training, with {_count(warnings, 'warning')}."
        return "Fit for training."

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "matches": self.matches,
            "mismatches": self.mismatches,
            "fit": self.is_fit,
            "verdict": self.verdict,
            "findings": [vars(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class Table:
    """A CSV as text: its columns, and its rows with the lines they begin or end on."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]
    # Lines with more fields than there are columns, such as a comma in a text without quotes.
    overlong: list[int]


def read(path: Path) -> Table:
    """The rows of a CSV. Raises `DatasetRefused`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
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


def check(table: Table, *, folder: Path, progress: Progress = lambda done, total: None) -> Report:
    """Look at every row and photo; paths are relative to `folder`."""
    report = Report(rows=len(table.rows))
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
    report.findings += _unreadable(complete, photos)
    report.findings += _balance(report)
    report.findings += _repeated(report.usable)
    return report


# ── Values ────────────────────────────────────────────────────────────────────────────────────
def _complete(table: Table, report: Report) -> list[tuple[int, dict[str, str]]]:
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
    report.findings += _finding(
        "overlong_row",
        "error",
        table.overlong,
        "{} with more fields than columns: a text with a comma needs quotes",
    )
    report.findings += _finding(
        "missing_value", "error", missing, "{} without an image_path, text or label"
    )
    report.findings += _finding(
        "wrong_label", "error", wrong, "{} whose label is not 0 (mismatch) or 1 (match)"
    )
    report.findings += _finding(
        "long_text", "warning", long, f"{{}} with a text of more than {MAX_TEXT} characters"
    )
    left_out = without | set(wrong)
    return [(line, row) for line, row in numbered if line not in left_out]


def _balance(report: Report) -> Iterator[Finding]:
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
            with (folder / path).open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except (ImageError, OSError) as error:
            return str(error)
        return sha256, grouping.signature(image)

    names = sorted(paths)
    found = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (name, photo) in enumerate(zip(names, pool.map(load, names), strict=True), 1):
            found[name] = photo
            progress(done, len(names))
    return found


def _unreadable(
    rows: Sequence[tuple[int, dict[str, str]]],
    photos: dict[str, tuple[str, np.ndarray] | str],
) -> list[Finding]:
    lines = [line for line, row in rows if isinstance(photos[row["image_path"]], str)]
    if not lines:
        return []
    share = len(lines) / len(rows)
    first = next(found for found in photos.values() if isinstance(found, str))
    severity: Severity = "error" if share > MAX_UNREADABLE else "warning"
    told = f"{{}} ({share:.1%}) with a missing or unreadable image, such as: {first}"
    return _finding("unreadable_image", severity, lines, told)


# ── Rows against each other ───────────────────────────────────────────────────────────────────
def _repeated(rows: Sequence[Row]) -> Iterator[Finding]:
    """The same pair twice, or with both labels; a photo is its bytes, whatever its name."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        pairs.setdefault((row.image, " ".join(row.text.lower().split())), []).append(row)
    both = [found for found in pairs.values() if len({row.label for row in found}) == 2]
    twice = [found for found in pairs.values() if len(found) > len({row.label for row in found})]
    yield from _finding(
        "contradiction",
        "error",
        sorted(row.line for found in both for row in found),
        "{} that give the same photo and text both labels",
    )
    yield from _finding(
        "duplicate",
        "warning",
        sorted(row.line for found in twice if found not in both for row in found[1:]),
        "{} that repeat the photo and text of an earlier one",
    )
    names: dict[str, set[str]] = {}
    for row in rows:
        names.setdefault(row.image, set()).add(row.image_path)
    yield from _finding(
        "same_photo",
        "warning",
        [row.line for row in rows if len(names[row.image]) > 1],
        "{} whose photo also lies under another name",
    )


def _finding(kind: str, severity: Severity, lines: list[int], message: str) -> list[Finding]:
    if not lines:
        return []
    return [Finding(kind, severity, message.format(_count(len(lines), "row")), lines)]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
