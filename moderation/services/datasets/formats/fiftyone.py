"""FiftyOne's `FiftyOneDataset`: a sample for each row, also where several show one photo.

Its CSV and folder layouts know a photo once only. Without a metadata.json of a version, FiftyOne
takes the samples as they are and finds the types of their fields itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..classes import of_model, of_people
from ..json_list import json_list
from . import FILES, FORMATS, Row, Write

NAME = "fiftyone"


@contextmanager
def samples_file(path: Path, columns: Collection[str]) -> Iterator[Write]:
    with json_list(path, before='{"samples": ', after="}") as append:
        yield lambda row: append(_sample(row, columns))


def _sample(row: Row, columns: Collection[str]) -> dict[str, Any]:
    others = {name: row[name] for name in columns if name not in ("image_path", "label")}
    sample: dict[str, Any] = {
        "filepath": row["image_path"],
        "tags": [],
        **{name: value for name, value in others.items() if value is not None},
        "ground_truth": _classification(of_people(row)),
    }
    if guess := of_model(row):
        sample["prediction"] = _classification(guess.name, confidence=guess.probability)
    return sample


def _classification(label: str, *, confidence: float | None = None) -> dict[str, Any]:
    found = {"_cls": "Classification", "tags": [], "label": label}
    return found if confidence is None else {**found, "confidence": confidence}


FORMATS[NAME] = samples_file
FILES[NAME] = "samples.json"
