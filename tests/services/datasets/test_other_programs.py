"""Label files of Label Studio and FiftyOne, in the layout that their documents give."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User

from moderation.models import Analysis, Decision
from moderation.services.datasets import dataset
from moderation.services.datasets.classes import NAMES
from moderation.services.datasets.dataset_files import COLUMNS
from tests.support.factories import MakeItem
from tests.support.paths import ROOT
from tests.support.snapshot_shop import deciding, unlike

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

Make = Callable[..., Decision]
OTHERS = COLUMNS.keys() - {"image_path", "label"}


@pytest.fixture
def decide(make_item: MakeItem, anna: User) -> Make:
    return deciding(make_item, anna)


@pytest.fixture
def shop(decide: Make) -> None:
    """A confirmed flag, a dismissed one, one that passed, and one that the model could not read."""
    decide("A1", "confirm", text='A "blue" mug')
    decide("A2", "dismiss", text="A red mug", image=unlike("A1"))
    judged = decide("A3", "dismiss").analysis
    Analysis.objects.filter(pk=judged.pk).update(similarity=0.9, threshold_used=0.2, p_mismatch=0.1)
    judged = decide("A4", "dismiss").analysis
    Analysis.objects.filter(pk=judged.pk).update(similarity=None, p_mismatch=None)


def exported(folder: Path, format: str, name: str) -> Any:
    manifest = dataset.export(folder, format=format)
    assert manifest.label_file == name
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_label_studio_has_decision_and_prediction(shop: None, tmp_path: Path) -> None:
    tasks = exported(tmp_path / "out", "labelstudio", "tasks.json")
    assert [task["data"]["product_id"] for task in tasks] == ["A1", "A2", "A3", "A4"]
    assert all(task["data"].keys() == {"image", *OTHERS} for task in tasks)
    said = [[choice_of(one) for one in task["annotations"]] for task in tasks]
    assert said == [["mismatch"], ["match"], ["match"], ["match"]]
    guessed = [[choice_of(one) for one in task.get("predictions", [])] for task in tasks]
    assert guessed == [["mismatch"], ["mismatch"], ["match"], []]
    assert tasks[2]["predictions"][0]["score"] == 0.9
    assert tasks[2]["predictions"][0]["model_version"] == tasks[2]["data"]["model_version"]
    for task in tasks:
        photo = task["data"]["image"].removeprefix("/data/local-files/?d=")
        assert (tmp_path / "out" / photo).is_file()


def test_the_documents_have_the_interface_for_it(shop: None, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```xml\n(.*?)```", text, re.S)
    interface = ElementTree.fromstring(shown)
    (choices,) = interface.findall("Choices")
    (task, *_) = exported(tmp_path / "out", "labelstudio", "tasks.json")
    (result,) = task["annotations"][0]["result"]
    assert (result["from_name"], result["to_name"]) == (choices.get("name"), choices.get("toName"))
    assert {choice.get("value") for choice in choices} == set(NAMES)
    named = {tag.get("name"): tag.get("value") for tag in interface if tag.tag in ("Image", "Text")}
    assert result["to_name"] in named
    assert {f"${key}" for key in task["data"]} >= set(named.values())


def test_fiftyone_has_a_sample_for_each_row(shop: None, tmp_path: Path) -> None:
    samples = exported(tmp_path / "out", "fiftyone", "samples.json")["samples"]
    assert [sample["ground_truth"]["label"] for sample in samples] == [
        *("mismatch", "match", "match", "match")
    ]
    assert samples[0]["filepath"] == samples[1]["filepath"]
    assert samples[0]["text"] == 'A "blue" mug' and samples[1]["text"] == "A red mug"
    found = {"_cls": "Classification", "tags": []}
    assert samples[2]["prediction"] == {**found, "label": "match", "confidence": 0.9}
    # A field has one type: what is not known is left out.
    assert "prediction" not in samples[3] and "similarity" not in samples[3]
    assert all(value is not None for sample in samples for value in sample.values())
    assert all((tmp_path / "out" / sample["filepath"]).is_file() for sample in samples)
    assert not (tmp_path / "out" / "metadata.json").exists()


def choice_of(one: dict[str, Any]) -> str:
    (result,) = one["result"]
    assert result["type"] == "choices"
    (name,) = result["value"]["choices"]
    return str(name)
