"""What is known of models of the hub, and the presets that stand for some of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint, hub, known
from moderation.clip.errors import LicenceNotAccepted, ModelError
from moderation.clip.texts import language, letters


@pytest.mark.parametrize("model", known.KNOWN, ids=lambda model: model.name)
def test_a_known_model_is_of_a_family_that_is_read(model: known.KnownModel, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(f'{{"model_type": "{model.family}"}}')
    assert families.of(tmp_path).name == model.family
    assert hub.is_hub_name(model.name)
    assert not model.revision or re.fullmatch(r"[0-9a-f]{40}", model.revision)
    assert {*model.languages} <= {*language.NAMES} | letters.NOT_LATIN
    assert model.licence and model.reads and model.megabytes > 0
    assert bool(model.limits) == ("NC" in model.licence)


def test_presets_are_known_models_whose_licence_keeps_nobody_out() -> None:
    assert {"fast", "products", "multilingual"} == {*known.PRESETS}
    for name in known.PRESETS.values():
        model = known.find(name)
        assert model is not None and not model.limits
    assert known.languages(known.PRESETS["multilingual"]) == []


def test_a_preset_is_resolved_wherever_a_name_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(name: str, **options: object) -> tuple[Path, str]:
        asked.append(name)
        return checkpoint.BUNDLED_FOLDER, "a" * 40

    monkeypatch.setattr(hub, "fetch", fetch)
    assert checkpoint.resolve("products").name == known.PRESETS["products"]
    assert asked == [known.PRESETS["products"]]


def test_a_name_that_leads_nowhere_is_told_the_presets() -> None:
    with pytest.raises(ModelError, match="one of fast, products, multilingual, bundled"):
        checkpoint.resolve("fats")


def test_a_licence_that_keeps_shops_out_is_told_before_anything_is_fetched() -> None:
    with pytest.raises(LicenceNotAccepted, match=r"CC-BY-NC-4\.0: not for commercial use"):
        checkpoint.resolve("facebook/metaclip-2-worldwide-b32")
