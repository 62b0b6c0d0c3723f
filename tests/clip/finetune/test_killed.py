"""A training that is killed, cancelled, short of memory, or shared by two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.clip.errors import ModelError
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.run import FinetuneResult, finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.training.progress import Cancelled, Update
from tests.support.finetune_shop import quick, write_shop
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

LATE = 7  # steps, in the second epoch


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("shop"), count=140, size=32)


@pytest.fixture(scope="module")
def data(shop: Path) -> FinetuneData:
    return read_csvs(shop, None, shop.parent)


@pytest.fixture(scope="module")
def undisturbed(
    tiny_folder: Path, data: FinetuneData, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return train(tiny_folder, data, tmp_path_factory.mktemp("undisturbed")).folder.parent


def train(
    base: Path, data: FinetuneData, output: Path, *, mode: str = "full", **more: object
) -> FinetuneResult:
    settings = FinetuneSettings(**quick(mode))  # type: ignore[arg-type]
    return finetune(base, data, output, settings=settings, **more)  # type: ignore[arg-type]


def largest_difference(one: Path, two: Path) -> float:
    from safetensors.torch import load_file

    first, second = load_file(one / "model.safetensors"), load_file(two / "model.safetensors")
    assert first.keys() == second.keys()
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


def start(base: Path, shop: Path, output: Path, *, kill_at: int, **env: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.finetune_shop", str(base), str(shop), str(output),
         "full", str(kill_at)],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
    )  # fmt: skip


def unfinished(output: Path) -> list[str]:
    return [path.name for path in output.iterdir() if "_model" in path.name]


def test_the_same_seed_gives_the_same_weights(
    tiny_folder: Path, data: FinetuneData, undisturbed: Path, tmp_path: Path
) -> None:
    train(tiny_folder, data, tmp_path / "again")
    for name in ("best_model", "final_model"):
        again = (tmp_path / "again" / name / "model.safetensors").read_bytes()
        assert again == (undisturbed / name / "model.safetensors").read_bytes()


def test_a_killed_training_goes_on_where_it_was(
    tiny_folder: Path, shop: Path, data: FinetuneData, undisturbed: Path, tmp_path: Path
) -> None:
    output = tmp_path / "killed"
    assert start(tiny_folder, shop, output, kill_at=LATE + 3).wait(timeout=240) == -9
    assert unfinished(output) == []
    seen: list[str] = []
    train(tiny_folder, data, output, resume=True, report=lambda update: seen.append(update.doing))
    steps = [doing for doing in seen if doing.startswith("Training")]
    assert 0 < len(steps) <= LATE  # the first epoch is not done again
    assert largest_difference(output / "final_model", undisturbed / "final_model") <= 1e-6
    assert largest_difference(output / "best_model", undisturbed / "best_model") <= 1e-6


def test_two_processes_end_where_one_does(
    tiny_folder: Path, shop: Path, undisturbed: Path, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    both = [
        start(tiny_folder, shop, tmp_path / "both", kill_at=-1, RANK=rank, LOCAL_RANK=rank, **env)
        for rank in "01"
    ]
    assert [process.wait(timeout=240) for process in both] == [0, 0]
    for name in ("best_model", "final_model"):
        assert largest_difference(tmp_path / "both" / name, undisturbed / name) <= 1e-5


@pytest.mark.parametrize("mode", ["full", "head"])
def test_a_cancelled_training_leaves_no_half_model_and_can_go_on(
    tiny_folder: Path, data: FinetuneData, undisturbed: Path, tmp_path: Path, mode: str
) -> None:
    count = 0

    def cancel(update: Update) -> None:
        nonlocal count
        count += update.doing.startswith("Training")
        if count == LATE:
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        train(tiny_folder, data, tmp_path, mode=mode, report=cancel)
    assert unfinished(tmp_path) == []
    result = train(tiny_folder, data, tmp_path, mode=mode, resume=True)
    assert sorted(unfinished(tmp_path)) == ["best_model", "final_model"]
    assert not (tmp_path / ".unfinished").exists()
    if mode == "full":
        assert largest_difference(result.folder, undisturbed / "best_model") == 0


def test_a_state_of_other_data_is_not_gone_on_with(
    tiny_folder: Path, data: FinetuneData, tmp_path: Path
) -> None:
    def cancel(update: Update) -> None:
        if update.doing.startswith("Epoch 1"):
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        train(tiny_folder, data, tmp_path, mode="head", report=cancel)
    data.train.texts[0] += " new"
    try:
        with pytest.raises(ModelError, match="other data, settings or base"):
            train(tiny_folder, data, tmp_path, mode="head", resume=True)
    finally:
        data.train.texts[0] = data.train.texts[0].removesuffix(" new")


@pytest.mark.parametrize("name", ["0-head.state", "0-adapt.state-0-0123456789abcdef"])
def test_a_state_of_an_older_version_is_left_alone_and_told_of(
    tiny_folder: Path,
    data: FinetuneData,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    import torch

    (tmp_path / ".unfinished").mkdir()
    torch.save({"about": "what that version wrote"}, tmp_path / ".unfinished" / name)
    mode = "adapt" if "adapt" in name else "head"
    right = data.train.take(np.flatnonzero(data.train.labels == 1))
    listings = Listings(right.images, right.texts, right.categories)
    train(tiny_folder, replace(data, listings=listings), tmp_path, mode=mode, resume=True)
    assert sorted(unfinished(tmp_path)) == ["best_model", "final_model"]
    assert f"{name} is of an older version of clipmod" in caplog.text


def test_out_of_memory_goes_on_in_smaller_parts(
    tiny_folder: Path,
    data: FinetuneData,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from moderation.clip.finetune.decisions.towers import Towers

    loss, sizes = Towers.loss, []

    def greedy(self: Towers, rows: Any, run: Any, part: Any) -> Any:
        sizes.append(len(rows))
        if len(rows) > 3:
            raise torch.OutOfMemoryError("out of memory")
        return loss(self, rows, run, part)

    monkeypatch.setattr(Towers, "loss", greedy)
    result = train(tiny_folder, data, tmp_path)
    assert max(sizes) > 3
    assert largest_difference(result.folder, undisturbed / "best_model") <= 1e-5
    monkeypatch.setattr(
        Towers, "loss", lambda self, rows, run, part: greedy(self, list(range(9)), run, part)
    )
    with pytest.raises(ModelError, match="too little memory"):
        train(tiny_folder, data, tmp_path / "none")
