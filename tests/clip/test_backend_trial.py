"""A backend is used where it is faster and shown to judge as fp32 does; else it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip import backend_trial
from moderation.clip.backend_trial import Pairs, choose
from moderation.clip.backends.choice import Choice
from moderation.clip.encoder import Encoder
from tests.support.clip_models import build_folder, photo

pytestmark = pytest.mark.slow

COUNT = 120
PHOTOS = [photo(seed) for seed in range(COUNT)]
TEXTS = [f"a {colour} {noun} {n}" for n in range(10) for colour in ("red", "blue", "pale")
         for noun in ("mug", "shoe", "cap", "teapot")]  # fmt: skip
# How much faster than torch each is said to be, so that no test depends on the machine.
SPEED = {"onnx-fp32": 1.5, "onnx-int8": 4.0, "ov-fp32": 1.1, "ov-bf16": 1.1, "bf16": 1.3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture
def cosines(folder: Path) -> np.ndarray:
    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    return (encoder.encode_images(PHOTOS) * encoder.encode_texts(TEXTS)).sum(axis=1)


@pytest.fixture(autouse=True)
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    speeds = dict(SPEED)

    def timed(reference: Encoder, encoder: Encoder) -> tuple[tuple[float, float], float]:
        times = speeds.get(encoder.arithmetic, 1.0)
        return (8.0 / times, 2.0 / times), times

    monkeypatch.setattr(backend_trial, "_timed", timed)
    monkeypatch.setattr(backend_trial, "find_spec", lambda name: None)
    return speeds


def pairs(thresholds: Any, **changes: Any) -> Pairs:
    limits = np.broadcast_to(thresholds, COUNT).astype(float)
    return replace(Pairs(PHOTOS, TEXTS, limits, ["Mugs"] * COUNT, of_the_shop=True), **changes)


def decisions(found: Choice) -> dict[tuple[str, str], str]:
    return {(one.backend, one.precision): one.decision for one in found.tried}


def test_the_fastest_is_chosen_where_no_verdict_changes(folder: Path, exports: Path) -> None:
    found = choose(folder, pairs(-1.0), exports=exports)
    assert (found.backend, found.precision, found.pairs) == ("onnx", "int8", COUNT)
    told = decisions(found)
    assert told["onnx", "int8"] == "chosen" and told["onnx", "fp32"] == "equal, but no clear gain"
    assert {one.flips for one in found.tried} == {0}
    assert " cores; torch" in found.machine and found.of_the_shop


def test_int8_is_refused_where_it_flips_too_many_and_the_next_one_runs(
    folder: Path, exports: Path, cosines: np.ndarray
) -> None:
    # Each threshold lies so near that rounding decides: a model for which int8 is bad.
    found = choose(folder, pairs(cosines + 2e-5), exports=exports)
    assert (found.backend, found.precision) == ("onnx", "fp32")
    (refused,) = (one for one in found.tried if one.precision == "int8")
    assert refused.flips and refused.flips > 20
    assert refused.decision == f"refused: {refused.flips} of 120 verdicts change"


def test_a_category_in_which_too_many_flip_refuses_too(
    folder: Path, exports: Path, cosines: np.ndarray
) -> None:
    thresholds, names = np.full(COUNT, -1.0), np.array(["Mugs"] * COUNT, dtype=object)
    thresholds[:60], names[:60] = cosines[:60] + 2e-5, "Shoes"
    found = choose(folder, pairs(thresholds, categories=names.tolist()), exports=exports, most=0.26)
    assert "refused: in Shoes" in decisions(found)["onnx", "int8"]


def test_fewer_digits_are_worth_a_clear_gain_only(
    folder: Path, exports: Path, speeds: dict[str, float]
) -> None:
    speeds["onnx-int8"] = 1.7
    found = choose(folder, pairs(-1.0), exports=exports)
    assert (found.backend, found.precision) == ("onnx", "fp32")


def test_torch_stays_where_nothing_is_clearly_faster(
    folder: Path, exports: Path, speeds: dict[str, float]
) -> None:
    speeds |= {"onnx-int8": 1.1, "onnx-fp32": 1.19, "bf16": 0.2}
    found = choose(folder, pairs(-1.0), exports=exports)
    assert (found.backend, found.precision) == ("torch", "fp32")
    assert decisions(found)["onnx", "fp32"] == "not clearly faster than torch in fp32"


def test_what_does_not_run_is_told_and_passed_over(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = choose(folder, pairs(-1.0), exports=tmp_path / "file", precision="int8")
    assert (found.backend, found.precision) == ("torch", "fp32")
    assert "does not run: " in decisions(found)["onnx", "int8"]


def test_photos_that_cannot_be_read_are_left_out(folder: Path, exports: Path) -> None:
    broken = [*PHOTOS[:-3], b"", b"no photo", Path("/nowhere")]
    found = choose(folder, pairs(-1.0, images=broken), exports=exports)
    assert found.pairs == COUNT - 3


def test_timing_takes_turns_and_gives_a_ratio(
    folder: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    (picture, text), times = backend_trial._timed(encoder, encoder)
    assert picture > 0 and text > 0 and 0.2 < times < 5
