"""Exported towers give torch's vectors; files of them appear whole or not at all."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from moderation.clip.atomic import filled
from moderation.clip.backends import export
from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from tests.support.clip_models import build_folder, photo
from tests.support.family_models import FAMILIES, build
from tests.support.paths import ROOT
from tests.support.siglip_model import build_siglip

TEXTS = ["mug", "a red mug", "photo of a shoe", "a red mug", "blue ceramic teapot", "cap"]
PHOTOS = [photo(seed) for seed in range(7)]
MODELS = {
    "clip": build_folder,
    "siglip": build_siglip,
    "bundled": lambda folder: BUNDLED_FOLDER,
}
needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    build: Callable[[Path], Path] = MODELS[request.param]
    return build(tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_folder(tmp_path_factory.mktemp("models") / "tiny")


def load(folder: Path, exports: Path, backend: str = "onnx", **options: Any) -> Encoder:
    options = {"device": "cpu", "precision": "fp32", **options}
    return Encoder.load(folder, backend=backend, exports=exports, **options)


# ── Vectors ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnx", pytest.param("openvino", marks=needs_openvino)])
def test_in_fp32_the_vectors_are_torchs_alone_and_in_a_batch(
    folder: Path, exports: Path, backend: str
) -> None:
    usual, other = load(folder, exports, "torch"), load(folder, exports, backend, batch_size=3)
    photos, texts = usual.encode_images(PHOTOS), usual.encode_texts(TEXTS)
    np.testing.assert_allclose(other.encode_images(PHOTOS), photos, atol=1e-5)
    np.testing.assert_allclose(other.encode_texts(TEXTS), texts, atol=1e-5)
    for one, vector in zip(PHOTOS[:3], photos, strict=False):
        np.testing.assert_allclose(other.encode_images([one])[0], vector, atol=1e-5)
    for text, vector in zip(TEXTS[:3], texts, strict=False):
        np.testing.assert_allclose(other.encode_texts([text])[0], vector, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {*MODELS, "siglip2"}))
def test_the_towers_of_every_family_can_be_exported(
    family: str, exports: Path, tmp_path: Path
) -> None:
    folder = build(family, tmp_path / "model")
    usual, other = load(folder, exports, "torch"), load(folder, exports, batch_size=3)
    np.testing.assert_allclose(other.encode_images(PHOTOS), usual.encode_images(PHOTOS), atol=1e-5)
    np.testing.assert_allclose(other.encode_texts(TEXTS), usual.encode_texts(TEXTS), atol=1e-5)


@pytest.mark.slow
def test_or_are_refused_with_what_runs_them(exports: Path, tmp_path: Path) -> None:
    folder = build("siglip2", tmp_path / "model")
    with pytest.raises(
        ModelError, match=r"siglip2.* cannot be exported .*set CLIP_BACKEND to torch"
    ):
        load(folder, exports)


@pytest.mark.slow
def test_in_int8_a_vector_is_near_and_does_not_depend_on_its_neighbours(
    folder: Path, exports: Path
) -> None:
    exact, rough = load(folder, exports), load(folder, exports, precision="int8")
    photos, texts = rough.encode_images(PHOTOS), rough.encode_texts(TEXTS)
    assert (photos * exact.encode_images(PHOTOS)).sum(axis=1).min() > 0.99
    assert (texts * exact.encode_texts(TEXTS)).sum(axis=1).min() > 0.99
    assert np.abs(texts - exact.encode_texts(TEXTS)).max() > 1e-6, "nothing was rounded"
    for one, vector in zip(PHOTOS, photos, strict=True):
        np.testing.assert_array_equal(rough.encode_images([one])[0], vector)
    for text, vector in zip(TEXTS, texts, strict=True):
        np.testing.assert_array_equal(rough.encode_texts([text])[0], vector)
    assert (rough.precision, rough.arithmetic) == ("int8", "onnx-int8")


@pytest.mark.slow
@needs_openvino
def test_openvinos_bf16_is_near_and_has_a_name_of_its_own(tiny: Path, exports: Path) -> None:
    exact, rough = load(tiny, exports), load(tiny, exports, "openvino", precision="bf16")
    cosines = (rough.encode_images(PHOTOS) * exact.encode_images(PHOTOS)).sum(axis=1)
    assert cosines.min() > 0.99
    assert rough.arithmetic == "ov-bf16"


@pytest.mark.slow
def test_where_the_files_are_there_a_model_needs_neither_torch_nor_transformers(
    folder: Path, exports: Path
) -> None:
    here = load(folder, exports)
    script = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from moderation.clip.encoder import Encoder

folder, exports = map(Path, sys.argv[1:])
encoder = Encoder.load(folder, backend="onnx", device="cpu", precision="fp32", exports=exports)
encoder.encode_texts(["mug"] * 8 + ["a red mug"])
vectors = encoder.encode_images([Image.new("RGB", (40, 30), "red")] * 9)
heavy = {"torch", "transformers"} & set(sys.modules)
assert not heavy, heavy
print(encoder.logit_scale, encoder.dim, encoder.image_size, *vectors[0])
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(exports)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    scale, dim, size, *vector = map(float, ran.stdout.split())
    red = Image.new("RGB", (40, 30), "red")
    assert (scale, dim, size) == (here.logit_scale, here.dim, here.image_size)
    np.testing.assert_allclose(vector, here.encode_images([red])[0], atol=1e-5)


@pytest.mark.slow
def test_a_forked_child_encodes_too(tiny: Path, exports: Path) -> None:
    encoder = load(tiny, exports)
    expected = encoder.encode_images(PHOTOS[:1])  # on all cores: its threads stay behind
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # whatever waits for a thread that is not there shall not wait for ever
        same = np.allclose(encoder.encode_images(PHOTOS[:1]), expected)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.slow
def test_what_is_too_large_is_halved(
    tiny: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    encoder, run = load(tiny, exports, batch_size=64), export.run
    expected = encoder.encode_images(PHOTOS)

    def little_memory(session: Any, inputs: export.Arrays) -> np.ndarray:
        if len(inputs[0]) > 2:
            raise RuntimeException("Failed to allocate memory for requested buffer of size 9")
        return run(session, inputs)

    monkeypatch.setattr(export, "run", little_memory)
    encoder._backend.cores.cores = 1
    np.testing.assert_allclose(encoder.encode_images(PHOTOS), expected, atol=1e-5)
    assert encoder.batch_size <= 2


# ── What cannot be ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"device": "cuda"}, "onnx runs on the processor; set CLIP_DEVICE to cpu"),
        ({"precision": "bf16"}, "onnx computes in fp32 or int8, not in bf16"),
        ({"backend": "torch", "precision": "int8"}, "torch does not run int8"),
    ],
)
def test_what_a_backend_cannot_do_is_said(
    tiny: Path, tmp_path: Path, options: dict[str, str], told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        load(tiny, tmp_path, **options)


def test_without_openvino_it_is_said_what_to_install(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"pip install -r requirements-openvino\.txt"):
        load(tiny, tmp_path, "openvino")


@pytest.mark.slow
def test_an_export_that_gives_other_vectors_is_refused(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "run", lambda session, inputs: np.ones((len(inputs[0]), 16)))
    with pytest.raises(ModelError, match=r"image tower gives other vectors .* CLIP_BACKEND"):
        load(tiny, tmp_path / "exported")
    assert list((tmp_path / "exported").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_what_to_set(
    tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="set CLIP_EXPORT_DIR to a folder"):
        load(tiny, tmp_path / "file" / "exported")


# ── Files ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_model_is_exported_once_and_nothing_is_written_beside_its_weights(
    tiny: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tiny, exports)
    before = sorted(tiny.iterdir())

    def never(*_: object) -> None:
        raise AssertionError("it is there already")

    monkeypatch.setattr(export, "_export", never)
    load(tiny, exports)
    assert sorted(tiny.iterdir()) == before
    files = [path for path in exports.glob("*/*") if path.is_file()]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in files), "others may read them"


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_that_is_taken_for_whole(tiny: Path, tmp_path: Path) -> None:
    exports = tmp_path / "exported"
    code = (
        "import os; from pathlib import Path; from moderation.clip.backends import export\n"
        "from moderation.clip.encoder import Encoder\n"
        "export._check = lambda path, *_: os.kill(os.getpid(), 9)\n"  # the picture tower is there
        f"Encoder.load(Path({str(tiny)!r}), device='cpu', precision='fp32', backend='onnx',"
        f" exports=Path({str(exports)!r}))"
    )
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    (abandoned,) = exports.iterdir()
    assert abandoned.name.startswith(".") and (abandoned / "image.onnx").exists()

    hours_ago = time.time() - 7200
    os.utime(abandoned, (hours_ago, hours_ago))
    assert load(tiny, exports).dim == 16
    assert not abandoned.exists(), "it would lie there for ever"


def test_of_two_at_once_the_first_wins_and_both_go_on(tmp_path: Path) -> None:
    meet, found, exports = threading.Barrier(2, timeout=30), [], tmp_path / "exported"

    def make(folder: Path) -> None:
        (folder / "image.onnx").write_text(threading.current_thread().name)
        meet.wait()

    def one() -> None:
        found.append(export._made(exports / "model-fp32", make))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] and (found[0] / "image.onnx").exists()
    assert [path.name for path in exports.iterdir()] == ["model-fp32"]


def test_what_was_unused_for_longest_goes_and_nothing_else(tmp_path: Path) -> None:
    exports = tmp_path / "exported"
    names = [f"{number:016x}-{number:08x}-fp32" for number in range(12)]
    others = [".ssh", "photos", "a model-fp32"]
    for number, name in enumerate([*names, *others]):
        with filled(exports / name) as folder:
            (folder / "image.onnx").write_text("")
        os.utime(exports / name, (number, number))
    (exports / f"{0:016x}-machine.json").write_text("{}")  # a backend was chosen for this one
    today = exports / f"{77:016x}-{0:08x}-fp32"
    today.mkdir()
    export._made(exports / "new", lambda folder: None)
    left = {path.name for path in exports.iterdir() if path.is_dir()}
    assert left == {"new", today.name, names[0], *names[6:], *others}


def test_a_model_that_nobody_holds_any_more_is_gone(tiny: Path, exports: Path) -> None:
    for backend in ("torch", "onnx"):
        encoder = load(tiny, exports, backend)
        encoder.encode_images(PHOTOS[:1])
        held = weakref.ref(encoder._backend)
        del encoder
        gc.collect()
        assert held() is None, backend
