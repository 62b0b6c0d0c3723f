"""Adapting to a shop's listings: it learns, forgets little, and ends the same however it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from moderation.clip import checkpoint
from moderation.clip.finetune.adapt_judge import chosen_ratio
from moderation.clip.finetune.auto import MIN_LISTINGS, plan
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.progress import Cancelled, Update
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.refusals import DataRefused
from moderation.clip.finetune.retain import made_up_pictures, made_up_texts, vocabulary
from moderation.clip.finetune.run import FinetuneResult, finetune
from moderation.clip.finetune.settings import SMALL, FinetuneSettings
from tests.clip_models import build_folder
from tests.finetune_shop import write_shop

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"), count=160, size=32)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_folder(tmp_path_factory.mktemp("models") / "tiny")


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
def undisturbed(tiny: Path, shop: Path, tmp_path_factory: pytest.TempPathFactory) -> FinetuneResult:
    return adapted(tiny, shop, tmp_path_factory.mktemp("undisturbed"))


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_it_says_what_it_did_and_why(undisturbed: FinetuneResult) -> None:
    (reason,) = [one for one in undisturbed.reasons if "of the way" in one or "stays" in one]
    assert "held back" in reason or "held-back" in reason
    figures = undisturbed.metrics["adapt"]
    assert figures["by_ratio"]["0.0"]["retained"] == 1.0
    assert figures["left_out"] > 0


def test_the_same_seed_gives_the_same_weights(
    tiny: Path, shop: Path, undisturbed: FinetuneResult, tmp_path: Path
) -> None:
    again = adapted(tiny, shop, tmp_path)
    for name in ("best_model", "final_model"):
        assert weights(tmp_path / name) == weights(undisturbed.folder.parent / name)
    assert weights(again.folder.parent / "final_model") != weights(tiny)


def test_a_killed_run_goes_on_and_ends_where_it_would_have(
    tiny: Path, shop: Path, undisturbed: FinetuneResult, tmp_path: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.test_adapt", str(tiny), str(shop), str(tmp_path)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=240,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "best_model").exists()
    seen: list[str] = []
    result = adapted(
        tiny, shop, tmp_path, resume=True, report=lambda update: seen.append(update.doing)
    )
    steps = [doing for doing in seen if doing.startswith("Adapting to")]
    assert steps[0].startswith("Adapting to the listings, step 7")  # 6 was saved
    for name in ("best_model", "final_model"):
        assert weights(result.folder.parent / name) == weights(undisturbed.folder.parent / name)


def test_a_cancelled_run_leaves_no_model(tiny: Path, shop: Path, tmp_path: Path) -> None:
    def cancel(update: Update) -> None:
        if "step 3" in update.doing:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        adapted(tiny, shop, tmp_path, report=cancel)
    assert not (tmp_path / "best_model").exists()


def test_without_listings_it_says_so(tiny: Path, shop: Path, tmp_path: Path) -> None:
    data = read_csvs(shop, None, shop.parent)
    with pytest.raises(DataRefused, match="own listings"):
        finetune(tiny, data, tmp_path, settings=FinetuneSettings(mode="adapt"))


def test_a_large_model_learns_projections_that_fold_exactly(
    tiny: Path, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock model in the new folder gives the base's vectors, turned by the stored maps."""
    from safetensors.torch import load_file

    from moderation.clip.encoder import Encoder
    from moderation.clip.finetune import auto

    monkeypatch.setattr(auto, "SMALL", 0)
    result = adapted(tiny, shop, tmp_path)
    assert result.same_towers
    assert checkpoint.read_about(result.folder)["vision_of"] == checkpoint.weights_sha256(tiny)
    image = data_of(shop).train.images[:5]
    before, after = (
        np.stack(Encoder.load(folder, device="cpu", precision="fp32").encode_files(image))  # type: ignore[arg-type]
        for folder in (tiny, result.folder)
    )
    maps = result.folder / "head_maps.safetensors"
    if not maps.exists():
        assert np.abs(after - before).max() == 0
        return
    turned = before @ load_file(maps)["M_image"].numpy().T
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    assert np.abs(turned - after).max() < 1e-5


def test_replayed_pairs_are_learnt_from_and_judge_what_was_forgotten(
    tiny: Path, shop: Path, tmp_path: Path
) -> None:
    data = data_of(shop)
    assert data.listings is not None
    half = len(data.listings) // 2
    own, old = np.arange(half), np.arange(half, len(data.listings))
    parts = {"listings": data.listings.take(own), "replay": data.listings.take(old)}
    settings = FinetuneSettings(
        mode="adapt", epochs=2, batch_size=16, learning_rate=1e-3, device="cpu", precision="fp32"
    )
    result = finetune(tiny, replace(data, **parts), tmp_path, settings=settings)
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
    tiny: Path, shop: Path, listings: int, labels: int, steps: list[str]
) -> None:
    data = read_csvs(shop, None, shop.parent)
    rows = np.resize(np.arange(len(data.train)), labels)
    own = Listings([Path("x.png")] * listings, ["a mug"] * listings, [""] * listings)
    none = data.train.take(np.array([], dtype=int))
    chosen = plan(FinetuneData(data.train.take(rows), none, none, own), model=tiny, device="cpu")
    assert chosen.steps == steps
    assert chosen.reasons


def test_auto_leaves_the_towers_of_a_large_model_alone(tmp_path: Path, shop: Path) -> None:
    data = data_of(shop)
    (tmp_path / "model.safetensors").touch()
    os.truncate(tmp_path / "model.safetensors", 4 * SMALL + 4)
    chosen = plan(data, model=tmp_path, device="cpu")
    assert chosen.steps == ["head"] if len(data.train) >= 100 else ["calibrate"]


def main() -> None:
    """Adapt, and be killed after the fifth step."""

    def report(update: Update) -> None:
        if "step 6" in update.doing:
            os.kill(os.getpid(), signal.SIGKILL)

    base, shop, output = map(Path, sys.argv[1:])
    adapted(base, shop, output, report=report)


if __name__ == "__main__":
    main()
