"""How long mode `head` takes on 1,000 decided pairs with a model of ViT-B/32's size.

    python -m benchmarks.head_training --folder /tmp/head-training

Cold: every picture is decoded and encoded. Warm: the vectors come from a cache, as in the service.
The weights are random, which costs the same time as real ones; the pictures are real photos.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moderation.clip.finetune.features import EncoderVectors, Remembered
from moderation.clip.finetune.read import read_csvs
from moderation.clip.finetune.run import finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.training.progress import Update

from .machine import machine
from .models import vit_b32_folder

PAIRS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the model and its results")
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    parser.add_argument("--config", type=Path, default=Path("../shared/clip-vit-base-patch32"))
    parser.add_argument("--pairs", type=int, default=PAIRS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    base = options.folder / "base"
    if not base.exists():
        vit_b32_folder(options.config, folder=base)
    table = _decisions(options.catalogue, options.folder / "pairs.csv", count=options.pairs)
    print(machine())
    cache = _Counted(EncoderVectors(base, device="cpu", precision="auto"))
    for name in ("cold", "warm"):
        output = options.folder / name
        shutil.rmtree(output, ignore_errors=True)
        cache.encoded = 0
        wall, cpu, training = _run(base, table, options.catalogue, output, cache)
        print(
            f"{name}: {options.pairs} pairs in {wall:.0f} s wall, {cpu:.0f} s of processor time, "
            f"of which {training:.1f} s wall in the training loop; {cache.encoded} encoded"
        )


def _run(
    base: Path, table: Path, images: Path, output: Path, cache: _Counted
) -> tuple[float, float, float]:
    """Seconds: wall, processor, and wall between the first and the last training step."""
    wall, cpu, steps = time.perf_counter(), time.process_time(), []

    def report(update: Update) -> None:
        if update.doing.startswith(("Training", "Epoch")):
            steps.append(time.perf_counter())

    finetune(
        base,
        read_csvs(table, None, images),
        output,
        settings=FinetuneSettings(mode="head", device="cpu"),
        report=report,
        vectors=cache,
    )
    return time.perf_counter() - wall, time.process_time() - cpu, steps[-1] - steps[0]


class _Counted(Remembered):
    """A cache that counts what it had to encode."""

    encoded = 0

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        self.encoded += len({path for path in paths if path not in self._images})
        return super().images(paths)


def _decisions(catalogue: Path, path: Path, *, count: int) -> Path:
    """Real listings; every second has another one's text and is decided a mismatch."""
    with (catalogue / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = np.random.default_rng(0).permutation(len(rows))[: 2 * count]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image_path", "text", "label", "category"))
        for number in range(count):
            row, other = rows[chosen[number]], rows[chosen[count + number]]
            text = (row if number % 2 else other)["text"]
            writer.writerow((row["image_path"], text, number % 2, row["category"]))
    return path


if __name__ == "__main__":
    main()
