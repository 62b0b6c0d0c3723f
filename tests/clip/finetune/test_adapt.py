"""Adapting to a shop's listings: it learns, forgets little, and ends the same however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from moderation.clip.checkpoints import checkpoint
from moderation.clip.data.negatives import Negatives, Prompts, colour_bits
from moderation.clip.data.product_rows import Rows
from moderation.clip.errors import ModelError
from moderation.clip.finetune import auto
from moderation.clip.finetune import settings as finetune_settings
from moderation.clip.finetune.adaptation import rows as adapt_rows
from moderation.clip.finetune.adaptation import vectors_task
from moderation.clip.finetune.adaptation.judge import chosen_ratio
from moderation.clip.finetune.adaptation.retain import (
    made_up_pictures,
    made_up_texts,
    vocabulary,
)
from moderation.clip.finetune.adaptation.run import adapt, state_numbers
from moderation.clip.finetune.adaptation.task import Adaptation, AdaptSettings
from moderation.clip.finetune.adaptation.vectors_judge import (
    _Shuffled,
    hold_out,
)
from moderation.clip.finetune.auto import MIN_LISTINGS, plan
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.refusals import DataRefused
from moderation.clip.finetune.run import FinetuneResult, finetune
from moderation.clip.finetune.settings import SMALL, FinetuneSettings
from moderation.clip.finetune.step import Step, Tuned
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.training.progress import Cancelled, Update
from tests.support.finetune_shop import write_shop
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

QUICK = FinetuneSettings(
    mode="adapt", epochs=2, batch_size=16, learning_rate=1e-3, device="cpu", precision="fp32"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"), count=160, size=32)


def data_of(shop: Path) -> FinetuneData:
    """The shop's decisions, with its right listings to adapt to."""
    data = read_csvs(shop, None, shop.parent)
    right = np.flatnonzero(data.train.labels == 1)
    chosen = data.train.take(right)
    listings = Listings(chosen.images, chosen.texts, chosen.categories)
    return FinetuneData(data.train, data.validation, data.calibration, listings)


def adapted(base: Path, shop: Path, output: Path, **more: object) -> FinetuneResult:
    settings = FinetuneSettings(
        mode="adapt", epochs=2, batch_size=16, learning_rate=1e-3, device="cpu", precision="fp32",
        state_seconds=0.0,
    )  # fmt: skip
    return finetune(base, data_of(shop), output, settings=settings, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def undisturbed(
    tiny_folder: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> FinetuneResult:
    return adapted(tiny_folder, shop, tmp_path_factory.mktemp("undisturbed"))


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_it_says_what_it_did_and_why(undisturbed: FinetuneResult) -> None:
    (reason,) = [one for one in undisturbed.reasons if "of the way" in one or "stays" in one]
    assert "held out" in reason or "held-out" in reason
    figures = undisturbed.metrics["adapt"]
    assert figures["by_ratio"]["0.0"]["retained"] == 1.0
    assert figures["left_out"] > 0


def test_the_same_seed_gives_the_same_weights(
    tiny_folder: Path, shop: Path, undisturbed: FinetuneResult, tmp_path: Path
) -> None:
    again = adapted(tiny_folder, shop, tmp_path)
    for name in ("best_model", "final_model"):
        assert weights(tmp_path / name) == weights(undisturbed.folder.parent / name)
    assert weights(again.folder.parent / "final_model") != weights(tiny_folder)


def test_a_killed_run_goes_on_and_ends_where_it_would_have(
    tiny_folder: Path, shop: Path, undisturbed: FinetuneResult, tmp_path: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", __name__, str(tiny_folder), str(shop), str(tmp_path)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=240,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "best_model").exists()
    seen: list[str] = []
    result = adapted(
        tiny_folder, shop, tmp_path, resume=True, report=lambda update: seen.append(update.doing)
    )
    steps = [doing for doing in seen if doing.startswith("Adapting to")]
    assert steps[0].startswith("Adapting to the listings, step 7")  # 6 was saved
    for name in ("best_model", "final_model"):
        assert weights(result.folder.parent / name) == weights(undisturbed.folder.parent / name)


def test_a_cancelled_run_leaves_no_model(tiny_folder: Path, shop: Path, tmp_path: Path) -> None:
    def cancel(update: Update) -> None:
        if "step 3" in update.doing:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        adapted(tiny_folder, shop, tmp_path, report=cancel)
    assert not (tmp_path / "best_model").exists()


def test_without_listings_it_says_so(tiny_folder: Path, shop: Path, tmp_path: Path) -> None:
    data = read_csvs(shop, None, shop.parent)
    with pytest.raises(DataRefused, match="own listings"):
        finetune(tiny_folder, data, tmp_path, settings=FinetuneSettings(mode="adapt"))


def test_a_large_model_learns_projections_that_fold_exactly(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock model in the new folder gives the base's vectors, turned by the stored maps."""
    from safetensors.torch import load_file

    from moderation.clip.encoder import Encoder

    monkeypatch.setattr(finetune_settings, "SMALL", 0)
    result = adapted(tiny_folder, shop, tmp_path)
    assert result.same_towers
    assert checkpoint.read_about(result.folder)["vision_of"] == checkpoint.weights_sha256(
        tiny_folder
    )
    image = data_of(shop).train.images[:5]
    before, after = (
        np.stack(Encoder.load(folder, device="cpu", precision="fp32").encode_files(image))  # type: ignore[arg-type]
        for folder in (tiny_folder, result.folder)
    )
    maps = result.folder / "head_maps.safetensors"
    if not maps.exists():
        assert np.abs(after - before).max() == 0
        return
    turned = before @ load_file(maps)["M_image"].numpy().T
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    assert np.abs(turned - after).max() < 1e-5


def test_a_large_models_projections_go_on_and_end_where_they_would_have(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_settings, "SMALL", 0)
    undisturbed = adapted(tiny_folder, shop, tmp_path / "undisturbed")
    seen: list[str] = []

    def cancel(update: Update) -> None:
        if "epoch 1" in update.doing:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        adapted(tiny_folder, shop, tmp_path / "cut", report=cancel)
    result = adapted(
        tiny_folder,
        shop,
        tmp_path / "cut",
        resume=True,
        report=lambda update: seen.append(update.doing),
    )
    assert [doing for doing in seen if "epoch" in doing] == [
        "Adapting the projections, epoch 2 of 2"
    ]
    assert result.metrics == undisturbed.metrics
    assert weights(result.folder) == weights(undisturbed.folder)


def test_a_large_model_leaves_out_a_listing_whose_photo_is_broken(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_settings, "SMALL", 0)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    data = data_of(shop)
    assert data.listings is not None
    with_it = Listings(
        images=[broken, *data.listings.images],
        texts=["A broken thing", *data.listings.texts],
        categories=["", *data.listings.categories],
    )
    settings = FinetuneSettings(mode="adapt", epochs=1, device="cpu", precision="fp32")
    data = replace(data, listings=with_it)
    figures = finetune(tiny_folder, data, tmp_path / "out", settings=settings).metrics["adapt"]
    assert 0 < figures["listings"] < len(with_it)


def test_replayed_pairs_are_learnt_from_and_judge_what_was_forgotten(
    tiny_folder: Path, shop: Path, tmp_path: Path
) -> None:
    data = data_of(shop)
    assert data.listings is not None
    half = len(data.listings) // 2
    own, old = np.arange(half), np.arange(half, len(data.listings))
    parts = {"listings": data.listings.take(own), "replay": data.listings.take(old)}
    settings = FinetuneSettings(
        mode="adapt", epochs=2, batch_size=16, learning_rate=1e-3, device="cpu", precision="fp32"
    )
    result = finetune(tiny_folder, replace(data, **parts), tmp_path, settings=settings)
    figures = result.metrics["adapt"]
    assert figures["replayed"] > 0
    assert figures["listings"] <= half
    assert all("replayed" in found for found in figures["by_ratio"].values())
    if figures["ratio"]:
        assert any("ROC-AUC on replayed pairs" in reason for reason in result.reasons)


@pytest.mark.parametrize(
    ("auc", "goes"), [({0.0: 0.9, 0.5: 0.89, 1.0: 0.88}, 0.5), ({0.0: 0.9, 0.5: 0.8, 1.0: 0.9}, 1)]
)
def test_the_weights_go_no_further_than_replayed_pairs_allow(
    auc: dict[float, float], goes: float
) -> None:
    figures = {ratio: {"judged": ratio, "replayed": found} for ratio, found in auc.items()}
    assert chosen_ratio(figures) == goes


def test_made_up_inputs_come_from_the_models_own_words_and_no_real_colours() -> None:
    import torch

    words = vocabulary(["red</w>", "mug</w>", "zzq", "a</w>", "12</w>", "oatmilk</w>"])
    assert "oatmilk" in words and "zzq" not in words and "12" not in words
    rng = np.random.default_rng(0)
    texts = made_up_texts(words, count=20, rng=rng)
    assert all(1 <= len(text.split()) <= 6 for text in texts)
    pixels = torch.zeros(8, 24, 24, 3, dtype=torch.uint8)
    pixels[..., 0] = 255
    made = made_up_pictures(pixels, size=16, rng=rng, generator=torch.Generator().manual_seed(0))
    assert made.shape == (8, 3, 16, 16)
    assert len({int(one.mean(dim=(1, 2)).argmax()) for one in made}) > 1


@pytest.mark.parametrize(
    ("listings", "labels", "steps"),
    [
        (MIN_LISTINGS, 0, ["adapt"]),
        (MIN_LISTINGS, 1000, ["adapt"]),
        (10, 1000, ["full"]),
        (10, 60, ["calibrate"]),
    ],
)
def test_auto_chooses_by_what_there_is(
    tiny_folder: Path, shop: Path, listings: int, labels: int, steps: list[str]
) -> None:
    data = read_csvs(shop, None, shop.parent)
    rows = np.resize(np.arange(len(data.train)), labels)
    own = Listings([Path("x.png")] * listings, ["a mug"] * listings, [""] * listings)
    none = data.train.take(np.array([], dtype=int))
    chosen = plan(
        FinetuneData(data.train.take(rows), none, none, own), model=tiny_folder, device="cpu"
    )
    assert [chosen.mode] == steps
    assert chosen.reasons


def test_auto_leaves_the_towers_of_a_large_model_alone(tmp_path: Path, shop: Path) -> None:
    data = data_of(shop)
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / "model.safetensors").touch()
    os.truncate(tmp_path / "model.safetensors", 4 * SMALL + 4)
    chosen = plan(data, model=tmp_path, device="cpu")
    assert chosen.mode == "head" if len(data.train) >= 100 else "calibrate"


# ── Without categories ────────────────────────────────────────────────────────────────────────
def _unnamed(shop: Path) -> FinetuneData:
    data = data_of(shop)
    assert data.listings is not None
    bare = replace(data.listings, categories=[""] * len(data.listings))
    return replace(data, listings=bare)


def _rows(texts: list[str], categories: list[str]) -> Rows:
    pixels = np.random.default_rng(0).integers(0, 255, (len(texts), 16, 16, 3), dtype=np.uint8)
    hashes = np.arange(len(texts), dtype=np.uint64)
    return Rows(texts, categories, ["shop"] * len(texts), pixels, hashes)


def test_a_row_without_category_is_a_kind_of_its_own_title() -> None:
    rows = _rows(
        ["Red mug", "red MUG!", "Red cup", "Red lid", "Blue shirt", "Blue shirt 2"],
        ["", "", "", "", "Shirts", "Shirts"],
    )
    negatives = Negatives(rows)
    bits = np.array([colour_bits(text) for text in rows.texts])
    maybe = negatives.maybe_true(negatives.kind, bits, negatives.kind, bits)
    expected = np.eye(6, dtype=bool)
    expected[0, 1] = expected[1, 0] = expected[4, 5] = expected[5, 4] = True
    np.testing.assert_array_equal(maybe, expected)
    rng = np.random.default_rng(0)
    for row in range(6):
        other = negatives.other_category(row, rng=rng)
        assert negatives.kind[other] != negatives.kind[row]
    assert negatives.other_type(0, rng=rng) is None
    prompts = Prompts(negatives)
    assert prompts.categories == [
        ("shirts", "a buttoned shirt")
    ]  # of a title nobody knows what it is a case of
    chosen, texts, _colours = prompts.draw(negatives.kind, rng=rng)
    types, _of_colour = prompts.positives(negatives.kind, bits, chosen=chosen)
    assert len(texts) == 1
    assert types[:, 0].tolist() == [False] * 4 + [True] * 2


@pytest.mark.parametrize("large", [False, True])
def test_a_shop_without_categories_is_learnt_from_as_well(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:
        monkeypatch.setattr(finetune_settings, "SMALL", 0)
    losses: list[np.ndarray] = []
    real = vectors_task._maybe_true
    monkeypatch.setattr(
        vectors_task, "_maybe_true", lambda *of: losses.append(real(*of)) or losses[-1]
    )
    result = finetune(tiny_folder, _unnamed(shop), tmp_path, settings=QUICK)
    assert result.metrics["adapt"]["listings"] > 40
    assert weights(tmp_path / "final_model") != weights(tiny_folder)
    # Of another product's texts next to none may be true: they are what is learnt from.
    assert all(maybe.mean() < 0.05 for maybe in losses)
    assert bool(losses) == large


# ── Memory ────────────────────────────────────────────────────────────────────────────────────
def test_where_memory_runs_out_the_batch_is_taken_in_smaller_parts(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    sizes: list[int] = []
    real = Adaptation.loss

    def loss(self: Adaptation, batch: np.ndarray, *where: object) -> object:
        sizes.append(len(batch))
        if len(batch) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(self, batch, *where)  # type: ignore[arg-type]

    monkeypatch.setattr(Adaptation, "loss", loss)
    settings = replace(QUICK, batch_size=64, epochs=1)
    result = finetune(tiny_folder, data_of(shop), tmp_path, settings=settings)
    steps = result.metrics["adapt"]["steps"]
    assert sizes.count(8) == 8 * steps  # 32, 16 and then 8 rows in each of eight lanes
    assert set(sizes) == {32, 16, 8}


def test_too_little_memory_for_a_few_pairs_is_said(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(self: Adaptation, batch: np.ndarray, *where: object) -> object:
        raise MemoryError

    monkeypatch.setattr(Adaptation, "loss", loss)
    with pytest.raises(ModelError, match="too little memory to train on even 8 pairs at a time"):
        finetune(tiny_folder, data_of(shop), tmp_path, settings=replace(QUICK, batch_size=64))


# ── Signs of life, and what a state belongs to ────────────────────────────────────────────────
def test_it_is_never_silent_for_long_and_never_goes_back(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt_rows, "_CHUNK", 10)
    data, seen = data_of(shop), []
    assert data.listings is not None
    data = replace(data, replay=data.listings.take(np.arange(20)))
    adapt(Step(tiny_folder, data, QUICK, tmp_path / "state", tell=seen.append))
    assert data.listings is not None
    done = [update.progress for update in seen]
    assert done == sorted(done)
    doing = [update.doing for update in seen]
    assert doing.count("Reading the listings") == -(-len(data.listings) // 10)
    assert doing.count("Reading the pairs to replay") == 2
    assert doing.count("Choosing which listings to learn from") > 1  # said again while it goes on
    # Each point of the curve is told once.
    points = [update.point["step"] for update in seen if update.point]
    assert len(points) == len(set(points))


def test_a_state_belongs_to_its_data_and_precision(shop: Path, tiny_folder: Path) -> None:
    data = data_of(shop)
    fewer = replace(data, validation=data.validation.take(np.arange(5)))
    made = [
        Step(tiny_folder, of, QUICK, Path("state")).state_file(state_numbers(SimpleNamespace(
            settings=PretrainSettings(), own=AdaptSettings(), bf16=bf16))).about  # type: ignore[arg-type]
        for of, bf16 in ((data, False), (fewer, False), (data, True))
    ]  # fmt: skip
    assert len(set(made)) == 3


# ── A large model's projections ───────────────────────────────────────────────────────────────
def test_a_title_or_a_picture_never_judges_what_it_was_learnt_from() -> None:
    paths = [Path(f"{n}.png") for n in range(100)]
    texts = [f"Thing {n // 3}" for n in range(90)] + [f"own {n}" for n in range(10)]
    paths[95] = paths[94]
    listings = Listings(paths, texts, [""] * 100)
    for seed in range(5):
        held, rest = hold_out(listings, share=0.1, rng=np.random.default_rng(seed))
        assert sorted([*held, *rest]) == list(range(100))
        assert 7 <= len(held) <= 10
        assert not {texts[row] for row in held} & {texts[row] for row in rest}
        assert not {paths[row] for row in held} & {paths[row] for row in rest}


def test_a_shuffled_text_that_says_the_same_is_no_mismatch() -> None:
    class Same:
        def images(self, paths: list[Path]) -> np.ndarray:
            return np.eye(len(paths), 4, dtype=np.float32)

        texts = images

    pairs = Listings([Path("x.png")] * 4, ["Mug", "mug!", "Mug", "Cap"], [""] * 4)
    for seed in range(9):
        made = _Shuffled(pairs, Same(), rng=np.random.default_rng(seed))  # type: ignore[arg-type]
        for row, other in zip(made.rows, made.other, strict=True):
            assert (row == 3) != (other == 3)


def test_projections_go_no_further_than_replayed_pairs_allow() -> None:
    judged = {0.0: 0.5, 0.5: 0.7, 1.0: 0.9}

    def farthest(replayed: dict[float, float]) -> float:
        return chosen_ratio(
            {
                ratio: {"judged": found} | ({"replayed": replayed[ratio]} if replayed else {})
                for ratio, found in judged.items()
            }
        )

    assert farthest({}) == 1.0
    assert farthest({0.0: 0.9, 0.5: 0.89, 1.0: 0.88}) == 0.5
    assert farthest({0.0: 0.9, 0.5: 0.8, 1.0: 0.8}) == 0.0


def test_a_large_model_is_judged_by_the_pairs_to_replay(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_settings, "SMALL", 0)
    data = data_of(shop)
    assert data.listings is not None
    old = data.listings.take(np.arange(20))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    replay = Listings(
        [*old.images, tmp_path / "broken.png"], [*old.texts, "gone"], [*old.categories, ""]
    )
    result = finetune(tiny_folder, replace(data, replay=replay), tmp_path / "out", settings=QUICK)
    assert set(result.metrics["adapt"]["replayed"]) == set(result.metrics["adapt"]["judged"])
    assert any("ROC-AUC on pairs to replay" in reason for reason in result.reasons)


# ── What auto chooses ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("large", "gpu", "labels", "mode"),
    [
        (False, False, 200, "full"),
        (False, True, 5000, "full"),
        (True, False, 200, "head"),
        (True, True, 2999, "head"),
        (True, True, 3000, "last"),
        (True, False, 5000, "head"),
    ],
)
def test_auto_goes_by_the_models_size_first(
    tiny_folder: Path,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
    large: bool,
    gpu: bool,
    labels: int,
    mode: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(finetune_settings, "SMALL", 0 if large else SMALL)
    monkeypatch.setattr(auto, "choose_device", lambda device: "cuda" if gpu else "cpu")
    data = read_csvs(shop, None, shop.parent)
    none = data.train.take(np.array([], dtype=int))
    train = data.train.take(np.resize(np.arange(len(data.train)), labels))
    chosen = plan(FinetuneData(train, none, none), model=tiny_folder, device="auto")
    assert chosen.mode == mode
    assert any(f"{mode}, from {labels:,} decisions" in reason for reason in chosen.reasons)


def test_a_mode_that_does_not_use_the_pairs_to_replay_says_so(
    tiny_folder: Path, shop: Path
) -> None:
    data = data_of(shop)
    assert data.listings is not None
    data = replace(data, replay=data.listings.take(np.arange(20)))
    for mode in ("head", "last", "full"):
        found = auto.chosen(data, model=tiny_folder, settings=FinetuneSettings(mode=mode))
        assert found.reasons == [f"The mode {mode} does not use the 20 pairs to replay."]
    found = auto.chosen(data, model=tiny_folder, settings=FinetuneSettings(mode="adapt"))
    assert not any("does not use" in reason for reason in found.reasons)


@pytest.mark.parametrize(("minutes", "mode"), [(None, "full"), (5.0, "calibrate")])
def test_where_listings_teach_nothing_the_decisions_do(
    tiny_folder: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    minutes: float | None, mode: str,
) -> None:  # fmt: skip
    from moderation.clip.finetune.adaptation import run as module

    monkeypatch.setattr(auto, "MIN_LISTINGS", 5)
    monkeypatch.setattr(module, "adapt", lambda step: Tuned(reasons=["In vain."]))
    seen: list[float] = []
    settings = replace(QUICK, mode="auto", minutes=minutes)
    result = finetune(
        tiny_folder, data_of(shop), tmp_path, settings=settings,
        report=lambda update: seen.append(update.progress),
    )  # fmt: skip
    assert "In vain." in result.reasons
    assert ("full" in result.metrics) == (mode == "full")
    assert any("full, from" in reason for reason in result.reasons) == (mode == "full")
    assert seen == sorted(seen)


def main() -> None:
    """Adapt, and be killed after the fifth step."""

    def report(update: Update) -> None:
        if "step 6" in update.doing:
            os.kill(os.getpid(), signal.SIGKILL)

    base, shop, output = map(Path, sys.argv[1:])
    adapted(base, shop, output, report=report)


if __name__ == "__main__":
    main()
