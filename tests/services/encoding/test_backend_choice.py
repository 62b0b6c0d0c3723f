"""Web processes and workers run a version by what was decided; vectors of two ways never mix."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from moderation.clip import backend_trial
from moderation.clip.backends import choice, export
from moderation.clip.backends.choice import Choice
from moderation.models import Embedding, ModelVersion
from moderation.services.encoding import backend_choice, embeddings, engine
from moderation.services.encoding.embeddings import Known
from tests.clip.backends.test_choice import DECIDED
from tests.support.factories import MakeProduct

pytestmark = pytest.mark.django_db
SHA = embeddings.text_sha256("a red ball")


@pytest.fixture(autouse=True)
def nothing_loaded(settings: Any) -> Iterator[None]:
    settings.CLIP_PRECISION = settings.CLIP_BACKEND = settings.CLIP_DEVICE = "auto"
    engine.unload()
    yield
    engine.unload()


def decide(version: ModelVersion, settings: Any) -> Choice:
    key = export.model_key(version.weights_sha256, version.files_sha256)
    choice.write(settings.CLIP_EXPORT_DIR, key, DECIDED)
    return DECIDED


def test_without_a_decision_torch_runs_it(bundled: ModelVersion, settings: Any) -> None:
    assert backend_choice.way(bundled) == ("torch", "auto")
    settings.CLIP_PRECISION = "int8"
    assert backend_choice.way(bundled) == ("onnx", "int8")


def test_a_decision_holds_also_for_a_version_with_the_same_towers(
    bundled: ModelVersion, settings: Any
) -> None:
    decide(bundled, settings)
    child = ModelVersion.objects.create(
        name="child", location="/nowhere", weights_sha256="c" * 64, threshold=0.1, vision_of=bundled
    )
    assert backend_choice.way(child) == backend_choice.way(bundled) == ("onnx", "int8")
    settings.CLIP_BACKEND = "torch"
    assert backend_choice.way(child) == ("torch", "auto")


def test_the_page_of_a_version_tells_by_whom_it_runs_here(
    bundled: ModelVersion, settings: Any
) -> None:
    assert backend_choice.in_words(bundled).startswith("By torch; whether another backend is")
    decide(bundled, settings)
    assert "By onnx in int8: 3.5 times as fast as torch in fp32" in backend_choice.in_words(bundled)
    settings.CLIP_BACKEND = "torch"
    assert backend_choice.in_words(bundled) == "By torch, as CLIP_BACKEND says."


@pytest.mark.slow
def test_each_way_has_cached_vectors_of_its_own(bundled: ModelVersion, settings: Any) -> None:
    embeddings.text_vectors(engine.engine_for(bundled), ["a red ball"])
    usual = Known.of(bundled).find("text", [SHA])[SHA]
    decide(bundled, settings)
    # What was loaded before the decision is loaded anew at the next request.
    loaded = engine.engine_for(bundled)
    assert (loaded.encoder.backend, loaded.encoder.precision) == ("onnx", "int8")
    assert Known.of(bundled).precision == "onnx-int8"
    assert Known.of(bundled).find("text", [SHA]) == {}, "torch's vectors are not int8's"
    assert backend_choice.vectors_of_others(bundled, "onnx-int8") == 1
    embeddings.text_vectors(loaded, ["a red ball"])
    assert Embedding.objects.filter(content_hash=SHA).count() == 2

    settings.CLIP_BACKEND = "torch"
    np.testing.assert_array_equal(Known.of(bundled).find("text", [SHA])[SHA], usual)
    assert engine.engine_for(bundled).encoder.backend == "torch"


def test_the_command_decides_shows_and_forgets(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    asked: list[backend_trial.Pairs] = []

    def choose(folder: Any, pairs: backend_trial.Pairs, **options: Any) -> Choice:
        asked.append(pairs)
        return DECIDED

    monkeypatch.setattr(backend_trial, "choose", choose)
    assert "Nothing was decided" in run("--show")
    told = run()
    assert "Chosen: onnx in int8, by 1,000 pairs of the shop." in told
    assert run("--show") == told
    assert not asked[0].of_the_shop and len(asked[0].texts) == 400, "drawn: there are no products"
    assert backend_choice.way(bundled) == ("onnx", "int8")
    assert "bundled runs: By torch" in run("--forget")
    assert backend_choice.way(bundled) == ("torch", "auto")

    settings.CLIP_BACKEND = "torch"
    with pytest.raises(CommandError, match="CLIP_BACKEND is set to torch"):
        run()


def test_the_shops_own_listings_are_compared_where_there_are_enough(
    bundled: ModelVersion, make_product: MakeProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_choice, "LEAST_PAIRS", 3)
    for number in range(3):
        make_product(f"p-{number}", text=f"A red ball {number}")
    make_product("foreign", text="красная кружка из керамики с крышкой")
    pairs = backend_choice._shop_pairs(bundled)
    assert pairs is not None and pairs.of_the_shop
    assert sorted(pairs.texts) == [f"A red ball {number}" for number in range(3)]
    assert pairs.thresholds == pytest.approx([bundled.threshold] * 3)


def run(*options: str) -> str:
    out = StringIO()
    call_command("choose_backend", *options, stdout=out, stderr=StringIO())
    return out.getvalue()
