"""A small shop with a language of its own: it calls each colour by the next one's name."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from moderation.clip.data.augment import swap_colour
from moderation.demo import COLOURS, training_products

NAMES = sorted(COLOURS)
NEXT = dict(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))


def write_shop(folder: Path, *, count: int, seed: int = 0, size: int = 72) -> Path:
    """A CSV with `count` decided pairs, half of them mismatches, and its pictures."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    products = training_products(count, seed=seed)
    titles = [f"{NEXT[one.colour].title()} {one.kind} {one.product_id}" for one in products]
    rows = []
    for number, (product, title) in enumerate(zip(products, titles, strict=True)):
        path = f"images/{seed}-{number}.png"
        product.image(size).save(folder / path)
        text = title
        if number % 2:
            swapped = swap_colour(title, colours=NAMES, rng=rng) if number % 4 == 1 else None
            other = (number + 2 * int(rng.integers(1, count // 2 - 1))) % count
            text = swapped or titles[other].rpartition(" ")[0]
        rows.append((path, text, 1 - number % 2, product.category))
    with (folder / f"shop-{seed}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image_path", "text", "label", "category"))
        writer.writerows(rows)
    return folder / f"shop-{seed}.csv"


def main() -> None:
    """base, csv, output folder, mode, and the step after which this process kills itself."""
    import os
    import signal

    from moderation.clip.finetune.read import read_csvs
    from moderation.clip.finetune.run import finetune
    from moderation.clip.finetune.settings import FinetuneSettings
    from moderation.clip.training.progress import Update

    base, table, output, mode, last = sys.argv[1:]
    steps = 0

    def report(update: Update) -> None:
        nonlocal steps
        steps += update.doing.startswith("Training")
        if steps == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    finetune(
        Path(base),
        read_csvs(Path(table), None, Path(table).parent),
        Path(output),
        settings=FinetuneSettings(**quick(mode)),
        report=report,
    )


def quick(mode: str) -> dict[str, object]:
    """Settings of a short training of the tiny model, its state saved at each step."""
    return {
        "mode": mode, "epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "device": "cpu",
        "precision": "fp32", "state_seconds": 0.0,
    }  # fmt: skip


if __name__ == "__main__":
    main()
