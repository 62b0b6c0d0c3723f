"""From CSV files to the parts of a data set: a snapshot's folder, or the guide's own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from moderation.clip.data import grouping, partition, spreadsheet
from moderation.clip.finetune.data import FinetuneData, LabelledPairs, Listings, together
from moderation.clip.finetune.refusals import (
    DataRefused,
    check_counts,
    check_leakage,
    picture_hashes,
    with_readable_pictures,
)

COLUMNS = ("image_path", "text", "label")
# Shares of a data set that nobody divided: the rest is trained on.
VALIDATION_SHARE, CALIBRATION_SHARE = 0.15, 0.15


def read_folder(folder: Path, *, replay_csv: Path | None = None) -> FinetuneData:
    """A snapshot: train.csv, validation.csv, calibration.csv and, where there is one, listings.csv.

    Image paths are relative to the folder, those of `replay_csv` (true pairs of other goods,
    image_path,text and perhaps category) to its own folder. Raises `DataRefused`.
    """
    (train, note), (validation, note_2), (calibration, note_3) = (
        _labelled(folder / f"{name}.csv", folder)[::2]
        for name in ("train", "validation", "calibration")
    )
    listings = folder / "listings.csv"
    return _checked(
        FinetuneData(
            train=train,
            validation=validation,
            calibration=calibration,
            listings=_listings(listings, folder) if listings.is_file() else None,
            replay=_listings(replay_csv, replay_csv.parent) if replay_csv else None,
            decided=True,
            notes=tuple(filter(None, (note, note_2, note_3))),
        )
    )


def read_csvs(
    train_csv: Path,
    val_csv: Path | None,
    image_base_path: Path,
    listings_csv: Path | None = None,
    *,
    seed: int = 0,
) -> FinetuneData:
    """The guide's files: columns image_path,text,label (1 match, 0 mismatch), more are welcome.

    With `val_csv` its rows are halved into validation and calibration; without it both come out of
    `train_csv`. Rows of one group (same or near-identical picture, same title, or same `group`)
    stay in one part, and may not stand in both files. Raises `DataRefused`.
    """
    train, signatures, note = _labelled(train_csv, image_base_path)
    notes = [note]
    if val_csv is None:
        pairs = grouped(train, signatures)
        train, held_out = divided(pairs, VALIDATION_SHARE + CALIBRATION_SHARE, seed=seed)
        notes.append(
            f"No validation file was given: {len(held_out)} of the {len(train) + len(held_out)} "
            "rows were held out for validation and calibration."
        )
    else:
        held_out, others, note = _labelled(val_csv, image_base_path)
        # Both at once: what links two files is seen by nobody who looks at one of them.
        pairs = grouped(together([train, held_out]), np.concatenate([signatures, others]))
        train, held_out = (
            pairs.take(rows) for rows in np.split(np.arange(len(pairs)), [len(train)])
        )
        notes.append(note)
        check_leakage({train_csv.name: train, val_csv.name: held_out})
    share = CALIBRATION_SHARE / (VALIDATION_SHARE + CALIBRATION_SHARE)
    validation, calibration = divided(held_out, share, seed=seed)
    return _checked(
        FinetuneData(
            train=train,
            validation=validation,
            calibration=calibration,
            listings=_listings(listings_csv, image_base_path) if listings_csv else None,
            notes=tuple(filter(None, notes)),
        )
    )


def divided(
    pairs: LabelledPairs, share: float, *, seed: int = 0
) -> tuple[LabelledPairs, LabelledPairs]:
    """The pairs in two, about `share` of each label in the second part; groups stay whole."""
    counts: dict[str, tuple[int, int]] = {}
    for group, label in zip(pairs.groups, pairs.labels.tolist(), strict=True):
        wrong, right = counts.get(group, (0, 0))
        counts[group] = (wrong + (label == 0), right + label)
    first, _second = partition.halves(counts, share=1 - share, seed=seed)
    stays = np.array([group in first for group in pairs.groups])
    return pairs.take(np.flatnonzero(stays)), pairs.take(np.flatnonzero(~stays))


def grouped(pairs: LabelledPairs, signatures: np.ndarray) -> LabelledPairs:
    """The pairs with groups by picture, near-duplicate and title (see `grouping`); pairs that were
    in one group before still are. `signatures` [m, 768]."""
    hashes = picture_hashes(pairs)
    alone = (f"row {row}" for row in range(len(pairs)))
    first = grouping.groups(
        images=hashes,
        signatures=signatures,
        titles=pairs.texts,
        products=[group or next(alone) for group in pairs.groups],
    )
    # A group is named by its first row, which no other data set has.
    return replace(pairs, groups=[f"{hashes[row]} {pairs.texts[row]}" for row in first])


def _checked(data: FinetuneData) -> FinetuneData:
    check_counts(data)
    parts = {"train": data.train, "validation": data.validation, "calibration": data.calibration}
    check_leakage(parts)
    return data.as_read()


def _labelled(csv: Path, folder: Path) -> tuple[LabelledPairs, np.ndarray, str]:
    """The rows of a labelled CSV with readable pictures, their signatures, and a note."""
    rows = _table(csv, COLUMNS)
    if not rows:
        raise DataRefused(f"{csv.name} has a header and no rows; add decided pairs to it.")
    wrong = [i for i, row in enumerate(rows) if row["label"].strip() not in ("0", "1")]
    if wrong:
        raise DataRefused(
            f"{csv.name} has a label {rows[wrong[0]]['label']!r} in line {wrong[0] + 2}; a label "
            "is 1 (match) or 0 (mismatch)."
        )
    pairs = LabelledPairs(
        images=[folder / row["image_path"] for row in rows],
        texts=[row["text"].strip() for row in rows],
        labels=np.array([int(row["label"]) for row in rows], dtype=np.int64),
        weights=np.array([_weight(csv, row, i) for i, row in enumerate(rows)]),
        categories=[row.get("category", "").strip() for row in rows],
        groups=[row.get("group", "").strip() for row in rows],
    )
    return with_readable_pictures(pairs, name=csv.name)


def _weight(csv: Path, row: dict[str, str], place: int) -> float:
    text = row.get("weight", "") or "1"
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise DataRefused(
            f"{csv.name} has a weight {text!r} in line {place + 2}; a weight is a number above 0."
        )
    return weight


def _listings(csv: Path, folder: Path) -> Listings:
    rows = _table(csv, COLUMNS[:2])
    return Listings(
        images=[folder / row["image_path"] for row in rows],
        texts=[row["text"].strip() for row in rows],
        categories=[row.get("category", "").strip() for row in rows],
    )


def _table(csv: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    import pandas as pd

    try:
        table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise DataRefused(f"There is no file {csv}; give the path of a CSV file.") from error
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise DataRefused(
            f"{csv} cannot be read as a CSV file ({why}); "
            "`manage.py check_dataset` names the lines."
        ) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataRefused(
            f"{csv.name} has no column {', '.join(missing)}; it needs {', '.join(columns)}."
        )
    for name in columns:
        empty = np.flatnonzero(table[name].str.strip() == "")
        if len(empty):
            raise DataRefused(
                f"{csv.name} has no {name} in line {empty[0] + 2}; fill it in or leave the row out."
            )
    return [spreadsheet.plain(row) for row in table.to_dict("records")]
