"""What decisions are worth in a new shop: every mode, judged on pairs of products never seen.

    python -m benchmarks.new_shop.measure fashion --folder /tmp/new-shop --decisions 200 1000

FOLDER/SOURCE holds shop.csv (benchmarks.new_shop.shop) and base/, the model pre-trained on its
base.csv. Judged are the pairs of val_pairs.csv: error is 1 - average precision (mismatches are
what is looked for), on the shop's source; `others` the ROC-AUC on the other two. `first 200` is
the share of wrong listings among the 200 lowest scores of the shop, of all and of those that
nobody has decided yet. Where the decisions are too few to train on, the base stays what it is: the
row holds its figures again, and `did` is "refused". With `--replay` the model may look again at
true pairs of what its base was pre-trained on (base.csv). Results are appended to
FOLDER/results.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from moderation.clip.data.catalogue_csv import read_table
from moderation.clip.encoder import Encoder
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.refusals import DataRefused
from moderation.clip.finetune.run import FinetuneResult, finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.statistics.metrics import average_precision, roc_auc

from .decisions import Shop, data_of, queue

FIRST = 200


def main() -> None:
    options = _options()
    base = options.base or options.folder / options.source / "base"
    shop = Shop.read(options.folder / options.source / "shop.csv", catalogue=options.catalogue)
    pairs = Pairs(options.catalogue, options.source)
    replay = replayed(options.folder / options.source / "base.csv", options.catalogue)
    before, scores = judged(base, shop, pairs, decided=np.array([], dtype=int))
    record = {"source": options.source, "machine": machine()}
    write(options.folder, record | {"mode": "base", "decisions": 0} | before)
    for seed, count in product(options.seeds, options.decisions):
        decided = queue(scores, count=count, seed=seed)
        data = data_of(shop, decided, seed=seed)
        if options.replay:
            data = replace(data, replay=replay)
        of_decided = {
            "decisions": count,
            "seed": seed,
            "replay": options.replay,
            "base_left": first_wrong(scores, shop.labels, without=decided),
            "mismatches": int((shop.labels[decided] == 0).sum()),
        }
        for mode in options.modes:
            name = f"{options.source}-{mode}-{count}-{seed}{'-replay' * options.replay}"
            settings = FinetuneSettings(mode=mode, seed=seed, epochs=options.epochs)
            with kept_in(options.keep) as output:
                did, folder = trained(base, data, output / name, settings=settings)
                after, _scores = judged(folder, shop, pairs, decided=decided)
            write(options.folder, record | {"mode": mode} | of_decided | did | after)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=("fashion", "clothing", "grocery"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    parser.add_argument("--decisions", type=int, nargs="+", default=[1000])
    parser.add_argument("--modes", nargs="+", default=["auto"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--base", type=Path, help="another model than FOLDER/SOURCE/base")
    parser.add_argument("--keep", type=Path, help="a folder in which the trained models stay")
    return parser.parse_args()


@contextmanager
def kept_in(folder: Path | None) -> Iterator[Path]:
    """The folder, or one that goes at the end."""
    output = folder or Path(tempfile.mkdtemp(prefix="new-shop-"))
    yield output
    if folder is None:
        shutil.rmtree(output)


def trained(
    base: Path, data: FinetuneData, run: Path, *, settings: FinetuneSettings
) -> tuple[dict[str, Any], Path]:
    """What was done, and the folder of the model: the base's where the data were refused."""
    started = time.monotonic()
    try:
        result = finetune(base, data, run, settings=settings)
    except DataRefused as refused:
        print(refused, flush=True)
        result = FinetuneResult(base, "refused", [str(refused)], same_towers=True)
    return {
        "did": result.mode,
        "minutes": round((time.monotonic() - started) / 60, 2),
        "reasons": result.reasons,
        "metrics": result.metrics,
    }, result.folder


def replayed(csv: Path, catalogue: Path) -> Listings:
    """The true pairs that the base was pre-trained on."""
    table = read_table(csv)
    return Listings(
        images=[catalogue / row["image_path"] for row in table],
        texts=[row["text"].strip() for row in table],
        categories=[row["category"] for row in table],
    )


class Pairs:
    """val_pairs.csv: which pairs are of the shop's source."""

    def __init__(self, catalogue: Path, source: str) -> None:
        table = read_table(catalogue / "val_pairs.csv", columns=("image_path", "text", "label"))
        self.images = [catalogue / row["image_path"] for row in table]
        self.texts = [row["text"] for row in table]
        self.labels = np.array([int(row["label"]) for row in table])
        self.own = np.array([row["image_path"].startswith(f"{source}/") for row in table])


def judged(
    folder: Path, shop: Shop, pairs: Pairs, *, decided: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """The figures of a model, and its scores of the shop's listings [n]."""
    encoder = Encoder.load(folder, precision="fp32")
    found = cosines(encoder, pairs.images, pairs.texts)
    scores = cosines(encoder, shop.images, shop.texts)
    own = pairs.own
    return {
        "error": round(1 - average_precision(pairs.labels[own], found[own]), 4),
        "auc": round(roc_auc(pairs.labels[own], found[own]), 4),
        "others": round(roc_auc(pairs.labels[~own], found[~own]), 4),
        "first": first_wrong(scores, shop.labels, without=np.array([], dtype=int)),
        "left": first_wrong(scores, shop.labels, without=decided),
    }, scores


def cosines(encoder: Encoder, images: list[Path], texts: list[str]) -> np.ndarray:
    """Cosine of each pair [m]; each picture is encoded once."""
    distinct = list(dict.fromkeys(images))
    place = {path: row for row, path in enumerate(distinct)}
    encoded = encoder.encode_files(distinct)
    vectors = np.stack([vector for vector in encoded if isinstance(vector, np.ndarray)])
    picture = vectors[[place[path] for path in images]]
    return np.asarray((picture * encoder.encode_texts(texts)).sum(axis=1))


def first_wrong(scores: np.ndarray, labels: np.ndarray, *, without: np.ndarray) -> float:
    """The share of wrong listings among the first 200 by score that are not in `without`."""
    order = np.argsort(scores, kind="stable")
    order = order[~np.isin(order, without)][:FIRST]
    return round(float((labels[order] == 0).mean()), 4)


def write(folder: Path, figures: dict[str, Any]) -> None:
    with (folder / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(figures) + "\n")
    shown = {name: value for name, value in figures.items() if name not in ("reasons", "metrics")}
    print(json.dumps(shown), flush=True)


if __name__ == "__main__":
    main()
