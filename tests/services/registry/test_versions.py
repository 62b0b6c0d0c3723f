"""Which model runs: registering, the first choice, and what never happens by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.test import Client

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError, ModelUnavailable
from moderation.models import ModelVersion
from moderation.services.registry import activation, files, registering, versions
from tests.support.clip_models import build_folder

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is cached and no hub answers."""
    monkeypatch.setattr(checkpoint.hub, "_cached", lambda *_: None)

    def unreachable(name: str, *_: Any, **__: Any) -> None:
        raise ModelUnavailable(f"The model {name} cannot be had.")

    monkeypatch.setattr(checkpoint.hub, "_fetched", unreachable)


def test_without_a_hub_the_bundled_model_is_activated_once(settings: Any) -> None:
    settings.CLIP_MODEL_NAME = "openai/clip-vit-base-patch32"

    version, why = activation.set_up()
    assert version.name == "bundled"
    assert "INSTEAD of openai/clip-vit-base-patch32" in why
    assert versions.current() == version
    assert ModelVersion.objects.get(name="openai/clip-vit-base-patch32").revision == (
        "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268"
    )


def test_a_later_set_up_never_switches(
    settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    activation.set_up()
    settings.CLIP_MODEL_NAME = str(build_folder(tmp_path / "other"))

    version, why = activation.set_up()
    assert (version.name, why) == ("bundled", "as before")


def test_bundled_can_be_asked_for_outright(settings: Any) -> None:
    settings.CLIP_MODEL_NAME = "bundled"

    version, why = activation.set_up()
    assert (version.name, version.status) == ("bundled", "active")
    assert "INSTEAD" not in why


def test_the_bundled_model_brings_its_threshold_and_calibration() -> None:
    version = registering.register("bundled")
    about = json.loads((checkpoint.BUNDLED_FOLDER / "clipmod.json").read_text())

    assert version.threshold == about["threshold"]
    assert (version.platt_a, version.platt_b) == (about["platt"]["a"], about["platt"]["b"])
    assert version.weights_sha256 == checkpoint.weights_sha256(checkpoint.BUNDLED_FOLDER)
    assert version.p_mismatch(-0.2) > version.p_mismatch(0.6)


def test_a_folder_given_by_setting_runs_instead_of_the_active_version(
    settings: Any, tmp_path: Path
) -> None:
    activation.set_up()
    settings.CLIP_MODEL_PATH = str(build_folder(tmp_path / "mine"))

    version = versions.current()
    assert version.name.startswith("mine@")
    assert versions.current() == version  # registered once
    assert ModelVersion.objects.get(status="active").name == "bundled"


def test_a_folder_that_is_none_is_refused(settings: Any) -> None:
    settings.CLIP_MODEL_PATH = "/no/such/folder"

    with pytest.raises(ModelError, match="CLIP_MODEL_PATH is /no/such/folder"):
        versions.current()


def test_other_weights_in_a_registered_folder_are_refused(settings: Any, tmp_path: Path) -> None:
    folder = build_folder(tmp_path / "mine")
    settings.CLIP_MODEL_PATH = str(folder)
    version = versions.current()
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)

    with pytest.raises(ModelError, match="changed since"):
        files.folder_of(version)


def test_set_up_registers_the_changed_folder_anew(settings: Any, tmp_path: Path) -> None:
    settings.CLIP_MODEL_PATH = str(build_folder(tmp_path / "mine"))
    old = versions.current()
    ModelVersion.objects.filter(pk=old.pk).update(weights_sha256="0" * 64, name="mine@00000000")

    activation.set_up()
    assert versions.current() != old
    assert files.folder_of(versions.current()) == tmp_path / "mine"


def test_a_release_with_new_bundled_weights_replaces_the_active_ones() -> None:
    old, _ = activation.set_up()
    ModelVersion.objects.filter(pk=old.pk).update(weights_sha256="0" * 64)

    new, why = activation.set_up()
    assert (new.status, new.name) == ("active", f"bundled@{new.weights_sha256[:8]}")
    assert "of this release" in why
    old.refresh_from_db()
    assert (old.name, old.status) == ("bundled", "available")  # old answers still name it
    assert activation.set_up() == (new, "as before")


def test_a_folder_can_be_activated_by_command(bundled: ModelVersion, tmp_path: Path) -> None:
    call_command("activate_model", str(build_folder(tmp_path / "mine")))

    assert versions.current().name.startswith("mine@")


def test_a_name_that_leads_nowhere_leaves_no_version(bundled: ModelVersion) -> None:
    for name in ("openai/nowhere", "/no/such/folder"):
        with pytest.raises(CommandError):
            call_command("activate_model", name)

    assert list(ModelVersion.objects.all()) == [bundled]


def test_before_the_set_up_the_sentence_says_what_to_run() -> None:
    with pytest.raises(versions.NoActiveModel, match=r"manage\.py setup"):
        versions.current()


def test_the_database_allows_one_active_version_only(bundled: ModelVersion) -> None:
    other = registering.register("openai/clip-vit-base-patch32")

    with pytest.raises(IntegrityError):
        ModelVersion.objects.filter(pk=other.pk).update(status="active")


def test_activating_another_version_retires_the_first(bundled: ModelVersion) -> None:
    other = registering.register("openai/clip-vit-base-patch32")
    activation.activate(other)

    bundled.refresh_from_db()
    assert (bundled.status, versions.current()) == ("available", other)


def test_a_version_knows_which_languages_it_reads_where_that_is_known(tmp_path: Path) -> None:
    folder = build_folder(tmp_path / "unknown")
    assert registering.register("bundled").languages == ["en"]
    assert registering.register("openai/clip-vit-base-patch32").languages == ["en"]
    assert registering.register("google/siglip-base-patch16-256-multilingual").languages == []
    assert registering.register(str(folder)).languages == []

    about = folder / checkpoint.ABOUT_NAME
    about.write_text(json.dumps({"languages": ["de", "en"]}))
    assert registering.register(str(folder)).languages == ["de", "en"]
    about.write_text(json.dumps({"languages": "de"}))
    with pytest.raises(ModelError, match=r'clipmod.json: languages must be a list .*\["en"\]'):
        registering.register(str(folder))


# ── Models that do not run ────────────────────────────────────────────────────────────────────
def _with(folder: Path, **text_config: Any) -> Path:
    """The folder, whose config.json says something else of the text tower."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["text_config"] |= text_config
    path.write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "change",
    [
        {"num_attention_heads": 0},
        {"num_attention_heads": "two"},
        {"hidden_act": "none such"},
        {"max_position_embeddings": -1},
        {"layer_norm_eps": None},
    ],
)
def test_a_model_that_does_not_run_is_not_activated(
    bundled: ModelVersion, tmp_path: Path, change: dict[str, Any]
) -> None:
    broken = _with(build_folder(tmp_path / "broken"), **change)

    with pytest.raises(CommandError, match=r"\.$"):
        call_command("activate_model", str(broken))

    assert versions.current() == bundled


def test_nor_by_the_button_of_an_administrator(bundled: ModelVersion, tmp_path: Path) -> None:
    broken = registering.register(
        str(_with(build_folder(tmp_path / "broken"), num_attention_heads=0))
    )
    root = Client()
    root.force_login(User.objects.create_superuser("root", password="x"))

    response = root.post(
        "/admin/moderation/modelversion/",
        {"action": "activate", "_selected_action": str(broken.pk), "index": "0"},
        follow=True,
    )

    assert "Not activated: The model in" in response.content.decode()
    assert versions.current() == bundled


# ── The same weights with another configuration ───────────────────────────────────────────────
def test_the_same_weights_with_another_configuration_are_another_version(tmp_path: Path) -> None:
    folder = build_folder(tmp_path / "mine")
    first = registering.register(str(folder))
    assert registering.register(str(folder)) == first

    _with(folder, hidden_act="gelu")
    with pytest.raises(ModelError, match="configuration, tokenizer or preprocessor"):
        files.folder_of(first)
    second = registering.register(str(folder))

    assert second != first and second.weights_sha256 == first.weights_sha256
    assert second.name.startswith(f"{first.name}-")


def test_what_was_registered_before_the_files_were_hashed_keeps_its_identity(
    settings: Any, tmp_path: Path
) -> None:
    settings.CLIP_MODEL_NAME = "bundled"
    bundled, _ = activation.set_up()
    folder = registering.register(str(build_folder(tmp_path / "mine")))
    ModelVersion.objects.update(files_sha256="")

    again, why = activation.set_up()

    assert (again, why) == (bundled, "as before")
    assert registering.register(folder.location) == folder
    assert ModelVersion.objects.count() == 2
    assert not ModelVersion.objects.filter(files_sha256="").exists()
