"""`setup` gives each group its rights once; administrators have the last word."""

from __future__ import annotations

import shutil
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command

from moderation.models import GivenRight, ModelVersion
from moderation.services.running import setup

pytestmark = pytest.mark.django_db


def rights(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def right(codename: str) -> Permission:
    return Permission.objects.get(content_type__app_label="moderation", codename=codename)


def test_a_new_installation_has_its_groups(groups: None) -> None:
    assert {name: rights(name) for name in setup.GROUPS} == {
        name: set(codenames) for name, codenames in setup.GROUPS.items()
    }


def test_what_was_taken_away_stays_away_and_what_was_added_stays(groups: None) -> None:
    lead = Group.objects.get(name="lead")
    lead.permissions.remove(right("promote"))
    lead.permissions.add(right("delete_category"))

    setup.seed_groups()
    assert rights("lead") == {*setup.GROUPS["lead"], "delete_category"} - {"promote"}


def test_a_right_of_a_later_release_arrives(groups: None, monkeypatch: pytest.MonkeyPatch) -> None:
    Group.objects.get(name="viewer").permissions.remove(right("view_decision"))
    later = {**setup.GROUPS, "viewer": [*setup.GROUPS["viewer"], "view_team"]}
    monkeypatch.setattr(setup, "GROUPS", later)

    setup.seed_groups()
    assert rights("viewer") == set(later["viewer"]) - {"view_decision"}
    Group.objects.get(name="viewer").permissions.remove(right("view_team"))
    setup.seed_groups()
    assert "view_team" not in rights("viewer")


def test_a_group_that_was_deleted_is_made_anew(groups: None) -> None:
    Group.objects.get(name="viewer").delete()
    setup.seed_groups()
    assert rights("viewer") == set(setup.GROUPS["viewer"])


def test_an_older_installation_keeps_what_it_has_taken_away(groups: None) -> None:
    """It never wrote down what it gave: the migration does."""
    GivenRight.objects.all().delete()
    Group.objects.get(name="lead").permissions.remove(right("promote"))
    migration = import_module("moderation.migrations.0014_given_rights")

    migration.remember(apps, None)
    setup.seed_groups()
    assert rights("lead") == set(setup.GROUPS["lead"]) - {"promote"}


def test_a_model_that_cannot_run_is_not_activated(
    groups: None, tiny_folder: Path, tmp_path: Path, settings: Any
) -> None:
    folder = tmp_path / "shop-model"
    shutil.copytree(tiny_folder, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    settings.CLIP_MODEL_NAME = str(folder)

    with pytest.raises(CommandError, match="shop-model"):
        call_command("setup", stdout=StringIO())
    assert not ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).exists()

    settings.CLIP_MODEL_NAME = str(tiny_folder)
    call_command("setup", stdout=StringIO())
    assert ModelVersion.objects.get(status=ModelVersion.Status.ACTIVE).source == "folder"
