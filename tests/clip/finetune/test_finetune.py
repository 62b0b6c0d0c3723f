"""Fine-tuning the bundled model for a shop that calls each colour by another one's name."""

from __future__ import annotations

import contextlib
import gc
import json
import shutil
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip.backends.cores import CorePool
from moderation.clip.backends.device import trains_in_bf16
from moderation.clip.checkpoints.checkpoint import (
    BUNDLED_FOLDER,
    load_model,
    read_about,
    weights_sha256,
)
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.decisions.guard import ZeroShot
from moderation.clip.finetune.decisions.interpolate import interpolate, nearest_of_the_best
from moderation.clip.finetune.decisions.swaps import Swaps
from moderation.clip.finetune.decisions.tune import tune
from moderation.clip.finetune.features import EncoderVectors
from moderation.clip.finetune.output import remove
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.run import FinetuneResult, finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.finetune.step import Step
from moderation.clip.training.gradients import fill_gradients
from moderation.clip.training.progress import Cancelled, Update, in_silence
from moderation.clip.training.task import Run, Task
from tests.support.finetune_shop import write_shop

pytestmark = pytest.mark.slow

UNTOUCHED = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> FinetuneData:
    shop = write_shop(tmp_path_factory.mktemp("shop"), count=300)
    return read_csvs(shop, None, shop.parent)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def updates() -> list[Update]:
    return []


@pytest.fixture(scope="module")
def head(data: FinetuneData, output: Path, updates: list[Update]) -> FinetuneResult:
    return train(data, output / "head", mode="head", report=updates.append)


def train(
    data: FinetuneData,
    output: Path,
    *,
    report: Callable[[Update], None] = in_silence,
    **changes: Any,
) -> FinetuneResult:
    settings = FinetuneSettings(**{"device": "cpu", "precision": "fp32", "name": "shop", **changes})
    return finetune(BUNDLED_FOLDER, data, output, settings=settings, report=report)


def gain(result: FinetuneResult) -> float:
    """In average precision on the calibration part, which nothing was chosen by."""
    found = result.metrics["calibration_part"]
    return found["new"]["ap"] - found["base"]["ap"]


def test_the_head_learns_the_shops_words(head: FinetuneResult) -> None:
    assert head.mode == "head"
    assert head.same_towers
    assert gain(head) > 0.03
    assert head.metrics["head"]["zero_shot"]["after"] >= head.metrics["head"]["zero_shot"]["floor"]
    assert any(
        "of the way from the base" in reason or "beyond" in reason for reason in head.reasons
    )


def test_the_head_folds_exactly_into_the_model(head: FinetuneResult, data: FinetuneData) -> None:
    from safetensors.numpy import load_file

    maps = load_file(head.folder / "head_maps.safetensors")
    old = Encoder.load(BUNDLED_FOLDER, device="cpu", precision="fp32")
    new = Encoder.load(head.folder, device="cpu", precision="fp32")
    part = data.calibration
    for name, encode, items in (
        ("M_image", lambda e: np.stack(e.encode_files(part.images)), part.images),
        ("M_text", lambda e: e.encode_texts(part.texts), part.texts),
    ):
        turned = encode(old).astype(np.float64) @ maps[name].T
        turned /= np.linalg.norm(turned, axis=1, keepdims=True)
        assert len(items) == len(turned)
        assert np.abs(turned - encode(new)).max() <= 1e-5
    assert read_about(head.folder)["vision_of"] == weights_sha256(BUNDLED_FOLDER)


def test_the_folders_are_whole_and_say_what_they_are(head: FinetuneResult) -> None:
    from transformers import CLIPTokenizer

    for folder in (head.folder, head.folder.parent / "final_model"):
        load_model(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        assert config["dtype"] == "float32"
        CLIPTokenizer.from_pretrained(folder)
        for name in UNTOUCHED:
            assert (folder / name).read_bytes() == (BUNDLED_FOLDER / name).read_bytes()
        about = read_about(folder)
        assert about["name"] == "shop"
        assert about["platt"]["a"] < 0
        assert -1 < about["threshold"] < 1
        assert about["calibration"]["platt"] == about["platt"]
        assert about["trained"]["labels"]["train"]["matches"] > 0
        json.dumps(about, allow_nan=False)
    assert sorted(path.name for path in head.folder.parent.iterdir()) == [
        "best_model",
        "final_model",
    ]


def test_progress_rises_and_the_curve_has_a_point_for_the_base_and_each_epoch(
    head: FinetuneResult, updates: list[Update]
) -> None:
    done = [update.progress for update in updates]
    assert done == sorted(done)
    assert 0 <= done[0] < 0.2
    assert done[-1] == 1.0
    points = [update.point for update in updates if update.point]
    assert len(points) == 1 + head.metrics["head"]["epochs"]
    assert points[0].keys() == {"step", "validation"}  # the base, before the first step
    assert points[-1]["train"] < points[1]["train"]


@pytest.mark.parametrize("mode", ["full", "last"])
def test_towers_learn_too_and_leave_the_guides_checkpoints(
    data: FinetuneData, output: Path, mode: str
) -> None:
    folder = output / mode
    result = train(data, folder, mode=mode, epochs=8, save_all_checkpoints=True)
    assert gain(result) > 0.03
    assert not result.same_towers
    assert "vision_of" not in read_about(result.folder)
    names = [f"checkpoint_epoch_{epoch}" for epoch in range(1, 9)]
    assert sorted(path.name for path in folder.iterdir()) == ["best_model", *names, "final_model"]
    for name in names:
        load_model(folder / name)
    before, after = (load_model(f).state_dict() for f in (BUNDLED_FOLDER, folder / "final_model"))
    first = "vision_model.stem.weight"
    moved = bool((before[first].float() != after[first].float()).any())
    assert moved == (mode == "full")


def test_calibrating_leaves_the_weights_alone(data: FinetuneData, output: Path) -> None:
    result = train(data, output / "calibrate", mode="calibrate")
    assert weights_sha256(result.folder) == weights_sha256(BUNDLED_FOLDER)
    assert result.same_towers
    assert gain(result) == 0
    assert read_about(result.folder)["platt"] != read_about(BUNDLED_FOLDER)["platt"]


def test_few_labels_only_calibrate(data: FinetuneData, output: Path) -> None:
    few = FinetuneData(
        train=data.train.take(np.arange(30)),
        validation=data.validation.take(np.arange(20)),
        calibration=data.calibration.take(np.arange(20)),
    )
    result = train(few, output / "few", mode="full", platt=(-9.0, 1.5))
    assert result.mode == "calibrate"
    assert "70 labels are too few" in result.reasons[0]
    assert weights_sha256(result.folder) == weights_sha256(BUNDLED_FOLDER)
    # All of them fit the curve: the weights were chosen on none.
    fitted = read_about(result.folder)["platt"]
    assert fitted not in ({"a": -9.0, "b": 1.5}, read_about(BUNDLED_FOLDER)["platt"])


def test_too_few_labels_for_a_curve_leave_the_one_in_use(
    head: FinetuneResult, data: FinetuneData, output: Path
) -> None:
    few = replace(data, calibration=data.calibration.take(np.arange(20)))
    settings = FinetuneSettings(mode="calibrate", device="cpu", precision="fp32", platt=(-9.0, 1.5))
    # The head's weights have learned from the other parts, so only this one may fit its curve.
    result = finetune(head.folder, few, output / "few-left", settings=settings)
    assert read_about(result.folder)["platt"] == {"a": -9.0, "b": 1.5}
    assert read_about(result.folder)["trained"]["weights_by"] == "head"


def test_a_head_on_a_head_still_starts_from_the_first_models_vectors(
    head: FinetuneResult, data: FinetuneData, output: Path
) -> None:
    from safetensors.numpy import load_file

    settings = FinetuneSettings(mode="calibrate", device="cpu", precision="fp32")
    result = finetune(head.folder, data, output / "again", settings=settings)
    assert read_about(result.folder)["vision_of"] == weights_sha256(BUNDLED_FOLDER)
    for name, matrix in load_file(result.folder / "head_maps.safetensors").items():
        assert (matrix == load_file(head.folder / "head_maps.safetensors")[name]).all()


def test_a_folder_with_a_model_is_not_trained_into(
    head: FinetuneResult, data: FinetuneData
) -> None:
    with pytest.raises(ModelError, match="holds a trained model already"):
        train(data, head.folder.parent, mode="head")


def test_a_finished_training_is_not_done_twice(head: FinetuneResult, data: FinetuneData) -> None:
    settings = FinetuneSettings(mode="head", device="cpu")
    updates: list[Update] = []
    again = finetune(
        BUNDLED_FOLDER, data, head.folder.parent, settings=settings, resume=True,
        report=updates.append,
    )  # fmt: skip
    assert again == head
    assert updates == []


def test_only_decided_matches_are_made_mismatches(data: FinetuneData) -> None:
    swaps = Swaps(data.train)
    rng = np.random.default_rng(0)
    for row, label in enumerate(data.train.labels):
        made = swaps.draw(row, rng=rng)
        if label:
            assert made is not None and made != data.train.texts[row]
        else:
            assert made is None


def test_ties_go_to_the_base() -> None:
    losses = np.array([0.5, 0.7, 0.6, 0.8])
    assert nearest_of_the_best({0.0: losses, 0.5: losses, 1.0: losses}) == 0.0
    assert nearest_of_the_best({0.0: losses, 0.5: losses - 0.2, 1.0: losses - 0.2}) == 0.5


class Forgetful:
    """A learner that does better the further it goes, and knows fewer categories."""

    def __init__(self) -> None:
        self.at = 0.0

    def put(self, weights: dict[str, Any]) -> None:
        self.at = float(weights["w"])

    def validation_losses(self) -> np.ndarray:
        return np.full(10, 1 - self.at)

    def encode(self, images: Any, texts: Any) -> None:
        raise AssertionError("the guard below does not ask")


def test_the_guard_keeps_the_weights_near_where_the_model_forgets() -> None:
    import torch

    learner = Forgetful()
    guard = object.__new__(ZeroShot)
    guard.before, guard.floor, guard.about = 0.9, 0.85, "accuracy on the shop's categories"
    guard.accuracy = lambda encode: 0.9 - 0.1 * learner.at  # type: ignore[method-assign]
    found = interpolate(
        learner,  # type: ignore[arg-type]
        {"w": torch.tensor(0.0)},
        {"w": torch.tensor(1.0)},
        guard=guard,
        ratios=(0.0, 0.25, 0.5, 0.75, 1.0),
    )
    assert found.ratio == 0.5
    assert "50% of the way and not 100%" in found.reason
    assert learner.at == 0.5


def test_what_went_no_way_from_the_base_is_called_a_calibration(
    data: FinetuneData, output: Path
) -> None:
    result = train(data, output / "nothing", mode="head", epochs=1, learning_rate=10.0)
    assert result.metrics["head"]["ratio"] == 0
    assert result.mode == read_about(result.folder)["trained"]["mode"] == "calibrate"
    assert weights_sha256(result.folder) == weights_sha256(BUNDLED_FOLDER)


def test_decisions_tell_their_share_of_mismatches_and_a_csv_presumes_one(
    data: FinetuneData, output: Path
) -> None:
    """Also where none of the calibration part was drawn by lot, so that all weigh alike."""
    assert len(set(data.calibration.weights.tolist())) == 1
    csv = train(data, output / "csv", mode="calibrate", prevalence=0.1)
    decided = train(replace(data, decided=True), output / "decided", mode="calibrate")

    assert read_about(csv.folder)["calibration"]["prior"] == 0.05
    assert read_about(csv.folder)["calibration"]["prevalence"] == 0.1
    assert not {"prior", "prevalence"} & read_about(decided.folder)["calibration"].keys()


def test_going_on_refuses_a_result_of_another_model_or_of_other_data(
    data: FinetuneData, head: FinetuneResult, output: Path
) -> None:
    folder = output / "finished"
    made = train(data, folder, mode="calibrate")
    settings = FinetuneSettings(mode="calibrate", device="cpu", precision="fp32")
    same = finetune(BUNDLED_FOLDER, data, folder, settings=settings, resume=True)
    assert same == made

    with pytest.raises(ModelError, match="holds what came of another model than"):
        finetune(head.folder, data, folder, settings=settings, resume=True)
    fewer = replace(data, train=data.train.take(np.arange(1, len(data.train))))
    with pytest.raises(ModelError, match="holds what came of other data than"):
        finetune(BUNDLED_FOLDER, fewer, folder, settings=settings, resume=True)


def test_a_forced_adaptation_to_few_listings_is_warned_of(
    tiny_folder: Path, data: FinetuneData, output: Path
) -> None:
    listings = Listings(data.train.images[:60], data.train.texts[:60], [""] * 60)
    settings = FinetuneSettings(mode="adapt", minutes=0.05, device="cpu", precision="fp32")
    result = finetune(
        tiny_folder, replace(data, listings=listings), output / "few-listings", settings=settings
    )
    assert any("60 listings are few to adapt to" in reason for reason in result.reasons)


def test_only_what_was_written_is_removed(tmp_path: Path) -> None:
    for name in ("best_model", "final_model", "checkpoint_epoch_2", ".best_model-x", ".unfinished"):
        (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    remove(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    (tmp_path / "out" / "mine.txt").unlink()
    remove(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_going_on_refuses_another_ones_half_written_result_too(
    data: FinetuneData, head: FinetuneResult, output: Path
) -> None:
    folder = output / "half"
    train(data, folder, mode="calibrate")
    shutil.rmtree(folder / "final_model")
    settings = FinetuneSettings(mode="calibrate", device="cpu", precision="fp32")
    with pytest.raises(ModelError, match="holds what came of another model than"):
        finetune(head.folder, data, folder, settings=settings, resume=True)
    assert not (folder / "final_model").exists()
    finetune(BUNDLED_FOLDER, data, folder, settings=settings, resume=True)
    assert (folder / "final_model").is_dir()


def test_vectors_of_the_encoder_are_those_that_the_cache_would_give(data: FinetuneData) -> None:
    from moderation.services.encoding.embeddings import rounded

    vectors = EncoderVectors(BUNDLED_FOLDER, device="cpu", precision="fp32")
    images, texts = data.validation.images[:20], data.validation.texts[:20]
    plain = vectors.encoder.encode_files(images), vectors.encoder.encode_texts(texts)
    for found, encoded in zip((vectors.images(images), vectors.texts(texts)), plain, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, np.stack([rounded(one) for one in encoded]))


def test_towers_tell_that_they_are_alive_while_they_encode(
    data: FinetuneData, tmp_path: Path
) -> None:
    """Before the first step, after each epoch and for each ratio, and may be stopped there."""
    seen: list[Update] = []
    tuned = FinetuneSettings(mode="full", epochs=1, batch_size=64, device="cpu", precision="fp32")

    def started(mode: str, tell: Callable[[Update], None]) -> None:
        tune(Step(BUNDLED_FOLDER, data, tuned, tmp_path / mode, tell=tell), mode=mode)

    started("last", seen.append)
    done = [update.progress for update in seen]
    assert done == sorted(done)
    counts = Counter(update.doing for update in seen)
    assert counts["Loading the model"] > len(data.train) / 32  # each part of the training pairs
    assert counts["Choosing how far to go"] > 5  # more than once for each of the five ratios
    assert sum(update.point is not None for update in seen) == 2  # the base, and the epoch

    def stop(update: Update) -> None:
        stop.calls += 1  # type: ignore[attr-defined]
        if stop.calls == 2:  # type: ignore[attr-defined]
            raise Cancelled("Enough.")

    stop.calls = 0  # type: ignore[attr-defined]
    with pytest.raises(Cancelled):
        started("full", stop)


# ── Memory and precision ──────────────────────────────────────────────────────────────────────
class Big:
    """Stands for the activations of a step."""


def test_a_failed_call_on_the_cores_keeps_nothing_once_its_error_is_forgotten() -> None:
    kept: list[weakref.ref[Big]] = []

    def fail(_item: int) -> None:
        activations = Big()
        kept.append(weakref.ref(activations))
        raise MemoryError

    cores = CorePool(1)
    gc.disable()
    try:
        with contextlib.suppress(MemoryError):
            cores.map(fail, [1])
        cores.map(lambda _item: None, [1])  # the thread has put the failed call down by now
        assert [one() for one in kept] == [None]
    finally:
        gc.enable()


def test_what_a_step_too_large_held_is_free_before_a_smaller_one(
    data: FinetuneData, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    kept: list[weakref.ref[Big]] = []
    left: list[int] = []

    class Summing(Task):
        weights = {"w": torch.nn.Parameter(torch.ones(1))}
        loss_weights = {name: torch.nn.Parameter(torch.ones(())) for name in ("scale", "bias")}

        def loss(self, rows: np.ndarray, run: Run, part: int) -> torch.Tensor:
            if len(rows) > 1:
                activations = Big()
                activations.own = activations  # type: ignore[attr-defined] # only gc frees it
                kept.append(weakref.ref(activations))
                raise torch.OutOfMemoryError("CUDA out of memory.")
            left.append(sum(one() is not None for one in kept))
            return (self.weights["w"] * float(rows.sum())).sum() + 0 * self.loss_weights["scale"]

    gc.disable()
    try:
        run, task = Run(micro=4), Summing()
        loss = fill_gradients(task, np.arange(4), run, of=4, cores=CorePool(1))
    finally:
        gc.enable()
    assert (run.micro, float(loss), float(task.weights["w"].grad)) == (1, 1.5, 1.5)  # type: ignore[arg-type]
    assert len(kept) == 2
    assert left == [0] * 4


@pytest.mark.parametrize(
    ("wanted", "supported", "bf16"),
    [("auto", True, True), ("fp16", True, True), ("fp32", True, False), ("auto", False, False)],
)
def test_a_gpu_trains_in_bf16_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, wanted: str, supported: bool, bf16: bool
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: (
            including_emulation or supported)
    )  # fmt: skip
    assert trains_in_bf16("cuda", wanted) == bf16
    assert not trains_in_bf16("cpu", "fp32")
    assert trains_in_bf16("cpu", "bf16")
