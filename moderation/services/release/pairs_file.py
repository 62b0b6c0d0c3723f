"""Labelled pairs out of a CSV: image_path, text, label, and what else is known of them."""

from __future__ import annotations

import csv
import hashlib
import math
from pathlib import Path

from moderation.clip.data import spreadsheet
from moderation.clip.data.tables.rows import allow_large_cells

from .judged_pairs import LabelledPair

REQUIRED = ("image_path", "text", "label")
_SHOWN = 3


class BadPairs(Exception):
    """A file that cannot be used; `str(error)` names it, the line and what to do."""


def read(
    path: Path, *, image_base_path: Path | None = None
) -> tuple[list[LabelledPair], list[str]]:
    """The pairs of a CSV, and the paths of photos that are not there (their rows are skipped).

    Columns kind, category, weight and group may be there. Photos are looked for in
    `image_base_path`, by default the folder of the file. Raises `BadPairs`.
    """
    base = image_base_path or path.parent
    allow_large_cells()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in REQUIRED if name not in (reader.fieldnames or [])]
            if missing:
                raise BadPairs(f"{path} has no column {', '.join(missing)}; add it and try again.")
            rows = [spreadsheet.plain(row) for row in reader]
    except OSError as error:
        raise BadPairs(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadPairs(f"{path} is no CSV in UTF-8 ({error}); save it as such.") from error
    pairs, lost = [], []
    hashes: dict[Path, str] = {}
    for line, row in enumerate(rows, 2):
        image = base / (row["image_path"] or "")
        try:
            if image not in hashes:
                with image.open("rb") as file:
                    hashes[image] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            lost.append(row["image_path"] or f"line {line}")
            continue
        pairs.append(_pair(row, image=image, sha256=hashes[image], place=f"{path}, line {line}"))
    if not pairs:
        shown = ", ".join(lost[:_SHOWN]) or "it has no rows"
        raise BadPairs(
            f"No photo of {path} was found under {base} ({shown}); name the folder of the photos "
            "with --image-base-path."
        )
    return pairs, lost


def _pair(row: dict[str, str | None], *, image: Path, sha256: str, place: str) -> LabelledPair:
    label, text = (row["label"] or "").strip(), row["text"] or ""
    if label not in ("0", "1"):
        raise BadPairs(f"{place}: label is “{label}”; write 1 for a match and 0 for a mismatch.")
    if not text.strip():
        raise BadPairs(f"{place}: text is empty; write the text of the product.")
    return LabelledPair(
        image=image,
        image_sha256=sha256,
        text=text,
        label=int(label),
        weight=_weight(row, place=place),
        # Without groups, pairs of one photo still belong together.
        group=row.get("group") or sha256,
        category=row.get("category") or "",
        kind=row.get("kind") or "",
    )


def _weight(row: dict[str, str | None], *, place: str) -> float:
    try:
        weight = float(row.get("weight") or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise BadPairs(f"{place}: weight is “{row['weight']}”; write a number above 0.")
    return weight
