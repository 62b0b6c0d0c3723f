"""The analyzer as users of the guide know it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip import CLIPAnalyzer, analyzer, get_clip_analyzer
from moderation.clip.errors import ClipError, ImageError, ModelError
from moderation.clip.prompts import DEFAULT_CATEGORIES, TEMPLATES, category_vectors
from tests.support.clip_models import build_folder, photo

SETTINGS = (
    "CLIP_MODEL_PATH",
    "CLIP_MODEL_NAME",
    "CLIP_SIMILARITY_THRESHOLD",
    "CLIP_DEVICE",
    "CLIP_PRECISION",
    "CLIP_BATCH_SIZE",
)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(analyzer, "_shared", None)
    return


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> CLIPAnalyzer:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIP_PRECISION", "fp32")  # in bf16 a vector depends a little on its batch
        return CLIPAnalyzer(model_path=tiny_folder, device="cpu")


@pytest.fixture(scope="module")
def bundled() -> CLIPAnalyzer:
    return CLIPAnalyzer("bundled", device="cpu")


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_any_kind_of_picture_gives_the_same_similarity(tiny: CLIPAnalyzer, tmp_path: Path) -> None:
    image = photo(1)
    path = tmp_path / "photo.png"
    path.write_bytes(png(image))
    similarity = tiny.compute_similarity(image, "a red mug")
    assert isinstance(similarity, float)
    assert -1 <= similarity <= 1
    for same in (path, str(path), png(image), BytesIO(png(image)), image.convert("RGBA")):
        assert tiny.compute_similarity(same, "a red mug") == pytest.approx(similarity, abs=1e-6)


def test_a_picture_handed_over_is_not_changed(tiny: CLIPAnalyzer) -> None:
    image = Image.new("LA", (50, 40), (9, 0))
    image.getexif()[0x0112] = 6
    tiny.compute_similarity(image, "x")
    assert (image.mode, image.size) == ("LA", (50, 40))


def test_a_mismatch_is_told_with_the_fields_of_the_guide(tiny: CLIPAnalyzer) -> None:
    similarity = tiny.compute_similarity(photo(2), "blue jeans")
    verdict = tiny.detect_mismatch(photo(2), "blue jeans", threshold=similarity + 0.2)
    assert set(verdict) == {
        "is_mismatch",
        "similarity_score",
        "threshold_used",
        "confidence",
        "match_quality",
    }
    assert verdict["is_mismatch"] is True
    assert verdict["confidence"] == "high"
    assert verdict["similarity_score"] == pytest.approx(similarity, abs=1e-6)
    assert tiny.detect_mismatch(photo(2), "blue jeans", threshold=-1)["is_mismatch"] is False
    assert tiny.detect_mismatch(photo(2), "blue jeans")["threshold_used"] == 0.25


def test_categories_come_best_first_with_shares_that_add_up(tiny: CLIPAnalyzer) -> None:
    top = tiny.class_based_comparison(photo(3))
    assert len(top) == 5
    assert {match["category"] for match in top} <= dict(DEFAULT_CATEGORIES).keys()
    scores = [match["score"] for match in top]
    assert scores == sorted(scores, reverse=True)
    everything = tiny.class_based_comparison(photo(3), ["mug", "shoe", "hat"], top_k=10)
    assert sum(match["score"] for match in everything) == pytest.approx(1, abs=1e-5)
    assert tiny.class_based_comparison(photo(3), [], top_k=3) == []


def test_category_texts_are_encoded_once(
    tiny: CLIPAnalyzer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tiny.class_based_comparison(photo(3), ["teapot", "spoon"])
    with monkeypatch.context() as patch:
        patch.setattr(tiny.encoder, "encode_texts", None)
        assert tiny.class_based_comparison(photo(3), ["spoon", "teapot"]) == first


def test_a_category_is_the_mean_of_its_sentences(tiny: CLIPAnalyzer) -> None:
    vectors = category_vectors(tiny.encoder.encode_texts, ["a mug", "a hat"])
    sentences = tiny.encoder.encode_texts([text.replace("{}", "a hat") for text in TEMPLATES])
    mean = sentences.mean(axis=0)
    np.testing.assert_allclose(vectors[1], mean / np.linalg.norm(mean), atol=1e-5)
    assert category_vectors(tiny.encoder.encode_texts, []).shape == (0, tiny.encoder.dim)


def test_default_categories_are_many_and_named_once() -> None:
    names = [name for name, _ in DEFAULT_CATEGORIES]
    assert len(names) == len({name.lower() for name in names}) >= 40
    assert all(noun for _, noun in DEFAULT_CATEGORIES)


def test_a_batch_answers_each_pair_in_order_and_a_bad_picture_in_its_place(
    tiny: CLIPAnalyzer, tmp_path: Path
) -> None:
    pictures = [photo(1), b"not a picture", png(photo(2)), tmp_path / "none.png", photo(1)]
    texts = ["a", "b", "c", "d", "e"]
    answers = tiny.batch_analyze(pictures, texts)
    assert ["error" in answer for answer in answers] == [False, True, False, True, False]
    assert answers[1]["code"] == "not_an_image"
    assert answers[3]["code"] == "missing"
    assert answers[2]["similarity_score"] == pytest.approx(
        tiny.compute_similarity(photo(2), "c"), abs=1e-5
    )
    assert tiny.batch_analyze([], []) == []
    with pytest.raises(ValueError, match="2 images but 1 texts"):
        tiny.batch_analyze([photo(1), photo(2)], ["a"])


def test_a_single_bad_picture_raises(tiny: CLIPAnalyzer) -> None:
    with pytest.raises(ImageError):
        tiny.compute_similarity(b"", "a mug")


def test_the_threshold_is_the_models_own_unless_the_setting_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_folder(tmp_path / "own", clipmod_json='{"threshold": 0.11}')
    assert CLIPAnalyzer(folder, "cpu").threshold == 0.11
    monkeypatch.setenv("CLIP_SIMILARITY_THRESHOLD", "0.4")
    assert CLIPAnalyzer(folder, "cpu").threshold == 0.4
    monkeypatch.setenv("CLIP_SIMILARITY_THRESHOLD", "high")
    with pytest.raises(ClipError, match="CLIP_SIMILARITY_THRESHOLD"):
        CLIPAnalyzer(folder, "cpu")


def test_one_analyzer_is_loaded_for_all_threads(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_MODEL_NAME", "no-owner/wins-nothing")
    monkeypatch.setenv("CLIP_MODEL_PATH", str(tiny_folder))
    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(lambda _: get_clip_analyzer(), range(12)))
    assert len(found) == 1
    assert found.pop().model_name == str(tiny_folder)


def test_a_program_may_set_the_analyzer_with_its_own_encoder(tiny: CLIPAnalyzer) -> None:
    shared = CLIPAnalyzer.from_encoder(tiny.encoder, name="mine", threshold=0.3)
    analyzer.set_clip_analyzer(shared)
    assert get_clip_analyzer() is shared
    assert (shared.encoder, shared.model_name, shared.revision) == (tiny.encoder, "mine", None)
    assert shared.detect_mismatch(photo(1), "a mug")["threshold_used"] == 0.3


def test_a_wrong_path_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_MODEL_PATH", "/no/such/folder")
    with pytest.raises(ModelError, match="no/such/folder"):
        get_clip_analyzer()


def test_the_bundled_model_knows_a_plain_picture(bundled: CLIPAnalyzer) -> None:
    from moderation.demo import demo_products

    right = wrong = 0.0
    products = demo_products(24, seed=5)
    for product, other in zip(products, [*products[7:], *products[:7]], strict=True):
        image = product.image(256)
        right += bundled.compute_similarity(image, product.text)
        wrong += bundled.compute_similarity(image, other.text)
    assert right / 24 > wrong / 24 + 0.2
    assert bundled.revision is None
    assert bundled.model_name == "bundled"


def test_importing_the_package_loads_no_torch() -> None:
    code = (
        "import sys, moderation.clip, moderation.clip.encoder, moderation.clip.analyzer, "
        "moderation.clip.batcher\n"
        "heavy = {'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'django'}\n"
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or 0)"
    )
    environment = {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
