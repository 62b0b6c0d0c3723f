"""Label Studio's tasks: the decision as an annotation, what the model said as a prediction.

The names in it are those of the labelling configuration in docs/datasets.md. Photos are served by
Label Studio from where the export lies (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..classes import of_model, of_people
from ..json_list import json_list
from . import FILES, FORMATS, Row, Write

NAME = "labelstudio"
_LOCAL_FILES = "/data/local-files/?d="


@contextmanager
def tasks_file(path: Path, columns: Collection[str]) -> Iterator[Write]:
    with json_list(path) as append:
        yield lambda row: append(_task(row, columns))


def _task(row: Row, columns: Collection[str]) -> dict[str, Any]:
    image = _LOCAL_FILES + quote(str(row["image_path"]))
    others = {name: row[name] for name in columns if name not in ("image_path", "label")}
    task: dict[str, Any] = {
        "data": {"image": image, **others},
        "annotations": [{"result": _choice(of_people(row))}],
    }
    if guess := of_model(row):
        prediction = {"model_version": row["model_version"], "result": _choice(guess.name)}
        if guess.probability is not None:
            prediction["score"] = guess.probability
        task["predictions"] = [prediction]
    return task


def _choice(name: str) -> list[dict[str, Any]]:
    value = {"choices": [name]}
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": value}]


FORMATS[NAME] = tasks_file
FILES[NAME] = "tasks.json"
