"""What is said of a version: family, licence, languages; and whom its licence keeps out."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from moderation.clip.checkpoints import known
from moderation.models import ModelVersion
from moderation.services.registry import facts, registering, versions
from tests.support.family_models import build

pytestmark = pytest.mark.django_db

LIMITED = "facebook/metaclip-2-worldwide-b32"


def test_a_version_of_the_hub_has_the_facts_of_its_model() -> None:
    found = facts.of(registering.register("OFA-Sys/chinese-clip-vit-base-patch16"))
    assert found == facts.Facts(family="chinese_clip", licence="MIT", languages="Chinese")
    found = facts.of(registering.register(LIMITED))
    assert found.licence == "CC-BY-NC-4.0 (not for commercial use)"
    assert found.languages == "some 300 languages"


def test_of_a_folder_only_its_family_is_known(tmp_path: Path) -> None:
    found = facts.of(registering.register(str(build("align", tmp_path / "mine"))))
    assert found == facts.Facts(family="align", licence="not known", languages="not known")


def test_what_was_trained_here_keeps_the_licence_of_what_it_began_with(
    bundled: ModelVersion,
) -> None:
    limited = registering.register(LIMITED)
    trained = ModelVersion.objects.create(
        name="night", source="trained", location="/gone", threshold=0.2, parent=limited
    )
    found = facts.of(trained)
    assert found.licence == f"CC-BY-NC-4.0 (not for commercial use), as {LIMITED}"
    assert found.family == "metaclip_2"
    with pytest.raises(CommandError, match="not for commercial use"):
        call_command("activate_model", "night")
    assert versions.current() == bundled
    assert facts.of(bundled).family == "clipmod"
    assert facts.of(bundled).languages == "English"


def test_a_preset_is_the_version_of_its_model() -> None:
    version = registering.register("fast")
    assert version.name == known.PRESETS["fast"]
    assert version.revision
    assert registering.named("fast") == version
    assert registering.register("fast") == version


def test_a_model_that_some_may_not_use_is_not_activated_by_its_name(bundled: ModelVersion) -> None:
    with pytest.raises(CommandError, match=r"--accept-licence"):
        call_command("activate_model", LIMITED)
    assert not ModelVersion.objects.filter(name=LIMITED).exists()
    assert versions.current() == bundled


def test_the_command_lists_known_models_and_those_registered_here(bundled: ModelVersion) -> None:
    out = StringIO()
    call_command("models", stdout=out)
    known_part, registered = out.getvalue().split("Registered here")
    for model in known.KNOWN:
        [line] = [line for line in known_part.splitlines() if f" {model.name} " in line][-1:]
        assert model.licence in line and model.reads in line and model.limits in line
    assert "multilingual" in known_part and "preset products" in known_part
    assert "bundled  Active  clipmod  English  see its model card" in " ".join(
        registered.split("\n")
    )


@pytest.mark.any_database
def test_the_page_of_a_version_shows_the_same(admin_client: Client) -> None:
    version = registering.register(LIMITED)
    page = admin_client.get(f"/admin/moderation/modelversion/{version.pk}/change/")
    for words in ("metaclip_2", "some 300 languages", "CC-BY-NC-4.0 (not for commercial use)"):
        assert words in page.content.decode()
