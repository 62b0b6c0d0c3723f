"""Exports load as they are in Hugging Face `datasets`: photo, text and label, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import Decision
from moderation.services.datasets import dataset, snapshots
from moderation.services.datasets.dataset_files import COLUMNS
from tests.support.factories import MakeItem
from tests.support.snapshot_shop import deciding, read, unlike

# Nobody sees what a CSV would lose until somebody trains on it: an id, a text, a part without
# `wrong_side`.
TEXTS = {"007": "NA", "008": 'A 5" mug, "blue"', "A9": "0012"}
LOAD = """
import json, sys
from datasets import load_dataset

loaded = load_dataset("imagefolder", data_dir=sys.argv[1], cache_dir=sys.argv[2])
print(json.dumps({
    split: {
        "features": {name: str(feature) for name, feature in rows.features.items()},
        "rows": [{**row, "image": row["image"].size} for row in rows],
    }
    for split, rows in loaded.items()
}))
"""

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

Make = Callable[..., Decision]


@pytest.fixture
def decide(make_item: MakeItem, anna: User) -> Make:
    return deciding(make_item, anna)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Path], dict[str, Any]]:
    """A process of its own: its cache, its settings and its 300 modules are none of ours."""
    home = tmp_path / "hf"
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(home)}

    def loaded(folder: Path) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(folder), str(home / folder.name)],
            env={**os.environ, **offline, "TQDM_DISABLE": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return loaded


def test_an_export_has_image_text_and_label(decide: Make, load: Any, tmp_path: Path) -> None:
    for number, (name, text) in enumerate(TEXTS.items()):
        decide(name, "confirm" if number % 2 else "dismiss", text=text)
    dataset.export(tmp_path / "out")
    (train,) = load(tmp_path / "out").values()
    assert list(train["features"]) == ["image", *(name for name in COLUMNS if name != "image_path")]
    assert train["features"]["label"] == "Value('int8')"
    assert {row["product_id"]: row["text"] for row in train["rows"]} == TEXTS
    assert [row["label"] for row in train["rows"]] == [1, 0, 1]
    assert {tuple(row["image"]) for row in train["rows"]} == {(64, 64)}


def test_a_photo_with_two_texts_is_two_rows(decide: Make, load: Any, tmp_path: Path) -> None:
    decide("A1", "dismiss", text="A red mug")
    decide("A2", "confirm", text="A blue mug", image=unlike("A1"))
    dataset.export(tmp_path / "out")
    (train,) = load(tmp_path / "out").values()
    assert [row["text"] for row in train["rows"]] == ["A red mug", "A blue mug"]


@pytest.mark.slow
def test_the_parts_of_a_snapshot_are_splits(
    decide: Make, load: Any, tmp_path: Path, settings: Any
) -> None:
    settings.GOLD_SHARE = 0.0
    for number in range(24):
        decide(f"{number:03}", "confirm" if number % 3 else "dismiss")
    snapshots.build(tmp_path / "out")
    parts, splits = read(tmp_path / "out"), load(tmp_path / "out")
    assert list(splits) == ["train", "validation", "test"]
    for name, split in splits.items():
        assert list(split["features"])[:3] == ["image", "text", "label"]
        assert [
            (row["product_id"], row["text"], str(row["label"]), str(row["weight"]))
            for row in split["rows"]
        ] == [
            tuple(row[key] for key in ("product_id", "text", "label", "weight"))
            for row in parts[name]
        ]
    assert sorted(load(tmp_path / "out" / "calibration")) == ["train"]
