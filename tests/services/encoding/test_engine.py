"""One model in a process: the site's requests and `get_clip_analyzer()` share it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from moderation.clip import get_clip_analyzer
from moderation.clip.errors import ImageError
from moderation.models import Category, ModelVersion
from moderation.services.encoding import engine
from moderation.services.registry import activation, registering, versions
from moderation.services.scoring import scoring_requests
from tests.support.clip_models import build_folder, tiny_config
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_loaded() -> Any:
    engine.unload()
    yield
    engine.unload()


@pytest.fixture
def no_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`preload` closes the connection of its thread, which here is the test's own."""
    monkeypatch.setattr(connection, "close", lambda: None)


def test_a_preloaded_process_gives_the_active_model_to_the_analyzer(
    bundled: Any, no_closing: None, settings: Any
) -> None:
    settings.CLIP_SIMILARITY_THRESHOLD = None
    engine.preload()
    analyzer = get_clip_analyzer()
    assert analyzer.encoder is engine.engine_for(bundled).encoder
    assert (analyzer.model_name, analyzer.threshold) == ("bundled", bundled.threshold)


def test_the_analyzer_follows_an_activation_and_no_comparison(bundled: Any, tmp_path: Path) -> None:
    other = registering.register(str(build_folder(tmp_path / "other")))
    engine.engine_for(versions.current())
    engine.engine_for(other)
    assert get_clip_analyzer().model_name == "bundled", "another version was only compared"
    activation.activate(other)
    engine.engine_for(versions.current())
    assert get_clip_analyzer().model_name == other.name
    activation.activate(bundled)
    engine.engine_for(versions.current())
    assert get_clip_analyzer().model_name == "bundled"


def test_the_model_of_clip_model_path_is_the_analyzers(
    bundled: Any, tmp_path: Path, settings: Any
) -> None:
    settings.CLIP_MODEL_PATH = str(build_folder(tmp_path / "own"))
    current = versions.current()
    engine.engine_for(current)
    engine.engine_for(bundled)
    assert get_clip_analyzer().model_name == current.name


def test_the_setting_bounds_the_pixels_that_the_model_decodes(bundled: Any, settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 96 * 128 - 1
    encoder = engine.engine_for(bundled).encoder
    [small, large] = encoder.encode_files([photo(size=(96, 100)), photo(size=(96, 128))])
    assert not isinstance(small, ImageError)
    assert isinstance(large, ImageError)
    assert large.code == "too_many_pixels"


def test_a_category_is_asked_about_in_the_shops_words_in_any_case(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Category.objects.create(name="Heels", prompt="a pair of high-heeled shoes")
    asked: list[str] = []
    vectors = engine.Engine.category_vectors

    def listen(self: engine.Engine, nouns: list[str]) -> Any:
        asked.extend(nouns)
        return vectors(self, nouns)

    monkeypatch.setattr(engine.Engine, "category_vectors", listen)
    matches, _ = scoring_requests.classify(photo(), top_k=9, names=["heels", "HEELS", "Robots"])
    assert {match["category"] for match in matches} == {"heels", "HEELS", "Robots"}
    assert asked == ["a pair of high-heeled shoes"] * 2 + ["robots"]


def test_other_weights_under_the_same_key_are_another_model(bundled: Any, tmp_path: Path) -> None:
    """As in a database that was made anew while a process lives on."""
    one = registering.register(str(build_folder(tmp_path / "one")))
    first = engine.engine_for(one)
    assert engine.engine_for(one) is first
    ModelVersion.objects.filter(pk=one.pk).delete()
    other = tiny_config() | {"logit_scale_init_value": 3.0}
    two = registering.register(str(build_folder(tmp_path / "two", config=other)))
    ModelVersion.objects.filter(pk=two.pk).update(id=one.pk)
    again = ModelVersion.objects.get(name=two.name)
    assert again.pk == one.pk and again.weights_sha256 != one.weights_sha256

    assert engine.engine_for(again) is not first
