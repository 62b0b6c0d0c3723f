"""The encoder gives the stock model's vectors, whatever the batch, and survives bad input."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip.backends.device import (
    choose_device,
    choose_precision,
    cpu_has_fast_bf16,
)
from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ImageError, ModelError
from tests.support.clip_models import (
    TINY_IMAGE,
    build_folder,
    photo,
    tiny_config,
)

TEXTS = ["a red mug", "Blue Jeans", "", "a red mug", "x" * 500, "ÉTÉ 日本 👟", "mug"]


@pytest.fixture(scope="module")
def encoder(tiny_folder: Path) -> Encoder:
    return Encoder.load(tiny_folder, device="cpu", precision="fp32", batch_size=4)


def stock_vectors(folder: Path, encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of six photos and of TEXTS by transformers alone, one by one."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model = CLIPModel.from_pretrained(folder).eval()
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    positions = model.config.text_config.max_position_embeddings
    images, texts = [], []
    with torch.inference_mode():
        for seed in range(6):
            pixels = processor(photo(seed), return_tensors="pt")
            images.append(model.get_image_features(**pixels).pooler_output)
        for text in TEXTS:
            ids = tokenizer(
                encoder.parts(text)[0],
                padding="max_length",
                max_length=positions,
                truncation=True,
                return_tensors="pt",
            )
            texts.append(model.get_text_features(**ids).pooler_output)
    return tuple(  # type: ignore[return-value]
        torch.nn.functional.normalize(torch.cat(rows), dim=-1).numpy() for rows in (images, texts)
    )


def test_vectors_equal_those_of_the_stock_model(encoder: Encoder, tiny_folder: Path) -> None:
    images, texts = stock_vectors(tiny_folder, encoder)
    ours = encoder.encode_images([photo(seed) for seed in range(6)])
    assert (ours.dtype, ours.shape) == (np.float32, (6, encoder.dim))
    np.testing.assert_allclose(ours, images, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)


def test_old_openai_configs_take_the_vector_at_the_highest_token(tmp_path: Path) -> None:
    config = tiny_config()
    config["text_config"]["eos_token_id"] = 2  # what OpenAI's published configs say
    folder = build_folder(tmp_path / "old", config=config)
    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    _, texts = stock_vectors(folder, encoder)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, atol=1e-5)


def test_vectors_have_unit_length_and_differ(encoder: Encoder) -> None:
    for vectors in (
        encoder.encode_images([photo(seed) for seed in range(9)]),
        encoder.encode_texts(["mug", "shoe", "hat"]),
    ):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert (vectors @ vectors.T - np.eye(len(vectors))).max() < 0.9999


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 17])
def test_order_and_number_are_kept_for_any_batch(encoder: Encoder, count: int) -> None:
    photos = [photo(seed) for seed in range(count)]
    texts = [f"text {index} " * (index % 5) for index in range(count)]
    images = encoder.encode_images(photos)
    words = encoder.encode_texts(texts)
    assert images.shape == words.shape == (count, encoder.dim)
    for index in range(count):
        np.testing.assert_allclose(
            images[index], encoder.encode_images([photos[index]])[0], atol=1e-5
        )
        np.testing.assert_allclose(words[index], encoder.encode_texts([texts[index]])[0], atol=1e-5)


def test_what_shops_add_to_a_text_is_not_read(encoder: Encoder, tiny_folder: Path) -> None:
    said = ["<p>A red mug</p>", "A red mug - 19.99 EUR", "NEW!!! A red mug [XL]", "A red mug"]
    vectors = encoder.encode_texts(said)
    assert (vectors == vectors[-1]).all()
    as_it_is = Encoder.load(tiny_folder, device="cpu", precision="fp32", read=str)
    assert not np.allclose(as_it_is.encode_texts(said)[0], vectors[-1], atol=1e-3)


def test_of_a_text_longer_than_the_model_reads_the_title_is_encoded(encoder: Encoder) -> None:
    title = "A red mug with a handle"
    text = f"<p>{title}</p> - $12. " + "It holds all you can drink. " * 20
    title_read, *rest = encoder.parts(text)
    assert title_read == title
    assert set(rest) == {"It holds all you can drink"}
    vectors = encoder.encode_texts([text, title_read])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)


def test_a_bad_file_takes_only_its_own_place(encoder: Encoder, tmp_path: Path) -> None:
    paths: list[Path] = []
    for seed in range(11):
        paths.append(tmp_path / f"{seed}.png")
        photo(seed).save(paths[-1])
    paths[2].write_bytes(b"no picture")
    paths[7].unlink()
    results = encoder.encode_files([*paths, str(paths[0]), paths[0].read_bytes()])
    assert [isinstance(result, ImageError) for result in results] == [
        index in (2, 7) for index in range(13)
    ]
    assert results[7].code == "missing"  # type: ignore[union-attr]
    expected = encoder.encode_images([photo(seed) for seed in range(11)])
    for index in (0, 1, 3, 10):
        np.testing.assert_allclose(results[index], expected[index], atol=1e-5)
    np.testing.assert_allclose(results[12], expected[0], atol=1e-5)
    assert encoder.encode_files([]) == []
    assert all(isinstance(result, ImageError) for result in encoder.encode_files([b"", b"x"]))


def test_files_are_decoded_ahead_where_the_model_runs_elsewhere(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a GPU, taken on the CPU: batches in order, bad files in their place."""
    from tests.clip.pictures.test_images import encoded

    sources = [encoded(photo(seed), "PNG") for seed in range(10)]
    sources[5] = b"bad"
    batches = list(encoder._decoded_ahead(sources))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    flat = [item for batch in batches for item in batch]
    assert isinstance(flat[5], ImageError)
    assert np.array_equal(flat[9], encoder.transform(photo(9)))


def out_of_memory_above(size: int, real: Callable[..., Any], sizes: list[int]) -> Callable:
    def limited(**inputs: Any) -> Any:
        count = len(next(iter(inputs.values())))
        sizes.append(count)
        if count > size:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")
        return real(**inputs)

    return limited


def test_out_of_memory_halves_the_batch_and_goes_on(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder.load(tiny_folder, device="cpu", precision="fp32", batch_size=16)
    photos = [photo(seed) for seed in range(16)]
    expected = encoder.encode_images(photos)
    sizes: list[int] = []
    model = encoder._backend.model
    real = model.get_image_features
    monkeypatch.setattr(
        encoder._backend.model, "get_image_features", out_of_memory_above(2, real, sizes)
    )
    np.testing.assert_allclose(encoder.encode_images(photos), expected, atol=1e-5)
    assert encoder.batch_size == 2
    sizes.clear()
    encoder.encode_images(photos)
    assert max(sizes) == 2, "the size that fits is remembered"

    monkeypatch.setattr(
        encoder._backend.model, "get_image_features", out_of_memory_above(0, real, sizes)
    )
    with pytest.raises(ModelError, match="too little memory"):
        encoder.encode_images(photos[:3])


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(encoder._backend.model, "get_image_features", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        encoder.encode_images([photo(1)] * 6)


def test_threads_share_one_encoder(encoder: Encoder) -> None:
    expected = encoder.encode_images([photo(seed) for seed in range(8)])
    texts = encoder.encode_texts(TEXTS)

    def both(seed: int) -> bool:
        image = encoder.encode_images([photo(seed % 8)] * (1 + seed % 6))
        words = encoder.encode_texts(TEXTS)
        return bool(
            np.allclose(image, expected[seed % 8], atol=1e-5)
            and np.allclose(words, texts, atol=1e-5)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(both, range(40)))


def test_other_code_keeps_its_torch_threads(encoder: Encoder) -> None:
    import torch

    before = torch.get_num_threads()
    encoder.encode_images([photo(seed) for seed in range(9)])
    with ThreadPoolExecutor(1) as pool:
        assert torch.get_num_threads() == pool.submit(torch.get_num_threads).result() == before


def test_a_forked_child_can_encode_too(encoder: Encoder) -> None:
    photos = [photo(seed) for seed in range(9)]
    expected = encoder.encode_images(photos)
    child = os.fork()
    if child == 0:
        right = np.allclose(encoder.encode_images(photos), expected, atol=1e-5)
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_facts_of_the_model(encoder: Encoder) -> None:
    assert (encoder.device, encoder.precision) == ("cpu", "fp32")
    assert (encoder.dim, encoder.image_size) == (16, TINY_IMAGE)
    assert encoder.logit_scale == pytest.approx(np.exp(2.6592), rel=1e-4)


def test_device_and_precision_are_checked() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device(None) in ("cpu", "cuda", "mps")
    assert choose_precision("cpu", "fp32") == "fp32"
    assert choose_precision("cpu") == ("bf16" if cpu_has_fast_bf16() else "fp32")
    assert choose_precision("mps") == "fp32"
    for wrong in (
        lambda: choose_device("tpu"),
        lambda: choose_precision("cpu", "fp16"),
        lambda: choose_precision("cpu", "int3"),
    ):
        with pytest.raises(ModelError, match="use"):
            wrong()


def test_a_processor_without_bf16_runs_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    cpu_has_fast_bf16.cache_clear()
    try:
        assert choose_precision("cpu") == "fp32"
    finally:
        cpu_has_fast_bf16.cache_clear()


def test_bf16_moves_cosines_by_little(encoder: Encoder, tiny_folder: Path) -> None:
    rough = Encoder.load(tiny_folder, device="cpu", precision="bf16")
    photos = [photo(seed) for seed in range(4)]
    exact = encoder.encode_images(photos) @ encoder.encode_texts(TEXTS).T
    np.testing.assert_allclose(
        rough.encode_images(photos) @ rough.encode_texts(TEXTS).T, exact, atol=0.02
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_vector_does_not_depend_on_what_came_along(precision: str) -> None:
    """To the digits that docs/inference.md names, in the bundled model."""
    encoder = Encoder.load(BUNDLED_FOLDER, device="cpu", precision=precision)
    texts = ["socks", "Red mug", "A navy blue check shirt for men, slim fit, long sleeves"]
    texts += [f"{text}, made of {word}" for text in texts for word in ("wool", "stainless steel")]
    photos = [photo(seed) for seed in range(9)]

    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    seen_alone = np.concatenate([encoder.encode_images([picture]) for picture in photos])

    apart = encoder.encode_texts(texts) @ encoder.encode_images(photos).T - alone @ seen_alone.T
    assert np.abs(apart).max() < 0.0001


def test_a_preprocessor_for_another_size_is_named(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "wrong-size"
    shutil.copytree(tiny_folder, folder)
    (folder / "preprocessor_config.json").write_text('{"size": 64, "crop_size": 64}')
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        Encoder.load(folder, device="cpu")
