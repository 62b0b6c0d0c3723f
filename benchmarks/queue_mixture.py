"""What the queue's mixture gains over labelling at random: what it finds, and what a model learns.

    python -m benchmarks.queue_mixture ../shared/catalogue --shops /tmp/new-shop

Each shop (`benchmarks.new_shop.shop`, 5% of the texts wrong) is scored by its base model, which has
hardly seen such products. Items enter and are handed out by the rules of `rules.sampling` and
`rules.mixture`; a simulated moderator knows the truth. Mode `head` learns from the first labels
of the queue, and from as many or more drawn at random, each also beside listings that passed and
that nobody judged, taken for matches (most are). Average precision is taken on pairs of products
never seen. Each seed has another random sample and another training.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from django.conf import settings  # noqa: E402 - the rules read their settings

from moderation.clip.encoder import Encoder  # noqa: E402
from moderation.clip.finetune.data import FinetuneData, LabelledPairs  # noqa: E402
from moderation.clip.finetune.decisions.tune import tune  # noqa: E402
from moderation.clip.finetune.settings import FinetuneSettings  # noqa: E402
from moderation.clip.finetune.step import Step  # noqa: E402
from moderation.clip.statistics.calibration import PlattScaling  # noqa: E402
from moderation.clip.statistics.metrics import average_precision  # noqa: E402
from moderation.clip.training.processes import processes  # noqa: E402
from moderation.models import ModelVersion  # noqa: E402
from moderation.services.rules import mixture, sampling  # noqa: E402

from .machine import machine  # noqa: E402
from .shop_vectors import Shop, load  # noqa: E402

SOURCES = ("fashion", "clothing", "grocery")
FIRST = 200  # reviews in which mismatches are counted
RANDOM_LABELS, QUEUE_LABELS = 1000, (400, 600)
FLAGGED_AT_LEAST = 900  # so that the queue holds the labels, with what its sample adds and hides
PRESUMED = 1500  # listings that passed, taken for matches
_HELD_OUT = 0.2  # of the labels, for early stopping and interpolation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--shops", type=Path, required=True, help="with SOURCE/shop.csv and /base")
    parser.add_argument("--sources", nargs="+", default=SOURCES, choices=SOURCES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine(), "seeds": options.seeds, "sources": {}}
    for source in options.sources:
        result["sources"][source] = measure(
            source,
            folder=options.shops / source,
            catalogue=options.catalogue,
            cache=options.cache,
            seeds=options.seeds,
        )
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(
    source: str, *, folder: Path, catalogue: Path, cache: Path, seeds: int
) -> dict[str, Any]:
    """What the queue finds and teaches in one shop, for each seed."""
    base = folder / "base"
    shop = load(
        [folder / "shop.csv"],
        catalogue=catalogue,
        cache=cache / f"queue_{source}_shop.npz",
        model=base,
    )
    pairs = load(
        [catalogue / "val_pairs.csv"],
        catalogue=catalogue,
        cache=cache / f"queue_{source}_val.npz",
        model=base,
    )
    judge = pairs.take(np.array([path.startswith(f"{source}/") for path in pairs.paths]))
    trainer = Trainer(base, shop)
    found: dict[str, Any] = {
        "listings": len(shop),
        "judged_by": len(judge),
        "base_ap": average_precision(~judge.wrong, judge.similarities),
        "queue_found": [],
        "random_found": [],
        "ap": {},
    }
    for seed in range(seeds):
        rng = np.random.default_rng([seed, len(shop)])
        queue = Queue(shop, base, rng)
        order = queue.hand_out(max(QUEUE_LABELS))
        random = rng.permutation(len(shop))
        found["queue_found"].append(int(shop.wrong[order[:FIRST]].sum()))
        found["random_found"].append(int(shop.wrong[random[:FIRST]].sum()))
        presumed = rng.permutation(queue.passed)[:PRESUMED]
        plans = [("random", random[:RANDOM_LABELS])]
        plans += [("queue", order[:count]) for count in QUEUE_LABELS]
        for name, rows in plans:
            for extra, words in ((presumed[:0], ""), (presumed, " and listings")):
                score = trainer.average_precision(rows, extra, judge, seed=seed)
                found["ap"].setdefault(f"{name} {len(rows)}{words}", []).append(score)
    return found


class Queue:
    """The queue of a shop: what enters by score and random sample, in the mixture's order."""

    def __init__(self, shop: Shop, base: Path, rng: np.random.Generator) -> None:
        about = json.loads((base / "clipmod.json").read_text())
        platt, scores = PlattScaling(**about["platt"]), shop.similarities
        # Or, where the base's own flags too few for so many labels, one by the reviews wanted.
        wanted = float(np.partition(scores, FLAGGED_AT_LEAST)[FLAGGED_AT_LEAST])
        threshold = max(about["threshold"], wanted)
        version = ModelVersion(threshold=threshold, platt_a=platt.a, platt_b=platt.b)
        chance = np.array([platt.p_mismatch(float(score)) for score in scores])
        flagged = scores < threshold
        near = scores < threshold + sampling.near_margin(version)
        number, place = rng.random(len(shop)), rng.random(len(shop))
        share = np.minimum(1, settings.AUDIT_SHARE * np.where(near, sampling.NEAR_FACTOR, 1.0))
        blind = 1 - (1 - settings.AUDIT_FLAGGED_SHARE) * (1 - settings.GOLD_SHARE)
        drawn = np.where(flagged, number < blind, number < share)
        self.passed = np.flatnonzero(~flagged & ~drawn)
        self.categories, self.rng = shop.categories, rng
        self.order: list[int] = []
        in_the_open = np.flatnonzero(flagged & ~drawn)
        # Each arm's items, the next one last.
        self.suspicious = list(in_the_open[np.argsort(chance[in_the_open], kind="stable")])
        doubt = 4 * chance * (1 - chance)
        self.uncertain = list(in_the_open[np.argsort(-doubt[in_the_open], kind="stable")])
        random_sample = np.flatnonzero(drawn)
        self.random_sample = list(random_sample[np.argsort(-place[random_sample], kind="stable")])

    def hand_out(self, count: int) -> np.ndarray:
        """The first items that one moderator gets, as positions in the shop."""
        done: set[int] = set()
        lately: deque[str] = deque(maxlen=mixture.LATELY)
        while len(done) < count:
            for arm in mixture.arms(
                self.rng.random(),
                uncertain=settings.QUEUE_UNCERTAIN_SHARE,
                audit=settings.QUEUE_AUDIT_SHARE,
            ):
                item = self._next(arm, done, lately)
                if item is not None:
                    self.order.append(item)
                    done.add(item)
                    lately.append(self.categories[item])
                    break
            else:
                raise SystemExit(f"The queue holds only {len(done)} items; ask for fewer labels.")
        return np.array(self.order)

    def _next(self, arm: mixture.Arm, done: set[int], lately: Sequence[str]) -> int | None:
        if arm is mixture.Arm.UNCERTAIN:
            pool = [item for item in self.uncertain if item not in done][: mixture.UNCERTAIN_POOL]
            if not pool:
                return None
            return int(pool[mixture.diverse([self.categories[i] for i in pool], lately=lately)[0]])
        items = self.random_sample if arm is mixture.Arm.AUDIT else self.suspicious
        while items and items[-1] in done:
            items.pop()
        return int(items.pop()) if items else None


class Trainer:
    """Mode `head` on labels of a shop, over and over; each vector is made once."""

    def __init__(self, base: Path, shop: Shop) -> None:
        self.base, self.shop = base, shop
        self.encoder = Encoder.load(base)
        self.known_images = {
            Path(name): row for name, row in zip(shop.ids, shop.images, strict=True)
        }
        self.known_texts = dict(zip(shop.words, shop.texts, strict=True))

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        return np.stack([self.known_images[path] for path in paths])

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Known ones, and those that the training makes up."""
        new = [text for text in dict.fromkeys(texts) if text not in self.known_texts]
        if new:
            self.known_texts.update(zip(new, self.encoder.encode_texts(new), strict=True))
        return np.stack([self.known_texts[text] for text in texts])

    def average_precision(
        self, rows: np.ndarray, presumed: np.ndarray, judge: Shop, *, seed: int
    ) -> float:
        """Of mismatches, on pairs never seen, after learning from these rows of the shop.

        `rows` were judged; `presumed` ones are taken for matches, right or wrong.
        """
        from torch.nn import functional

        with tempfile.TemporaryDirectory() as folder, processes() as group:
            step = Step(
                self.base,
                self._data(rows, np.setdiff1d(presumed, rows), seed=seed),
                FinetuneSettings(mode="head", seed=seed, device="cpu"),
                state=Path(folder) / "state",
                vectors=self,
                processes=group,
            )
            tuned = tune(step, mode="head")
        image, text = judge.images, judge.texts
        if tuned.maps:
            image, text = (
                functional.normalize(_tensor(vectors) @ tuned.maps[name].T, dim=1).numpy()
                for name, vectors in (("M_image", image), ("M_text", text))
            )
        return average_precision(~judge.wrong, np.einsum("nd,nd->n", image, text))

    def _data(self, rows: np.ndarray, presumed: np.ndarray, *, seed: int) -> FinetuneData:
        shop = self.shop
        labels = np.r_[~shop.wrong[rows], np.ones(len(presumed), dtype=bool)]
        rows = np.r_[rows, presumed]
        titles = shop.words[rows]
        _, group = np.unique(titles, return_inverse=True)
        held = _held_out(labels, group, seed=seed)
        pairs = LabelledPairs(
            images=[Path(name) for name in shop.ids[rows]],
            texts=list(titles),
            labels=labels.astype(int),
            weights=np.ones(len(rows)),
            categories=list(shop.categories[rows]),
            groups=list(titles),
        )
        none = pairs.take(np.array([], dtype=int))
        return FinetuneData(
            train=pairs.take(np.flatnonzero(~held[group])),
            validation=pairs.take(np.flatnonzero(held[group])),
            calibration=none,
        )


def _held_out(labels: np.ndarray, group: np.ndarray, *, seed: int) -> np.ndarray:
    """Which groups are held out, bool [groups]: drawn until both parts have both labels."""
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        held = rng.random(group.max() + 1) < _HELD_OUT
        rows = held[group]
        if all(len(np.unique(labels[part])) == 2 for part in (rows, ~rows)):
            return held
    raise SystemExit("Too few mismatches are among the labels to hold some of them out.")


def _tensor(vectors: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(vectors))


# ── Figures ───────────────────────────────────────────────────────────────────────────────────
def interval(values: Sequence[float]) -> str:
    """Mean with its 95% interval over the seeds (normal; wide where there are few)."""
    array = np.asarray(values, dtype=float)
    half = 1.96 * array.std(ddof=1) / len(array) ** 0.5 if len(array) > 1 else float("nan")
    return f"{array.mean():+.4f} ± {half:.4f}"


def as_text(result: dict[str, Any]) -> str:
    lines = [f"{result['machine']}; {result['seeds']} seeds, 95% intervals over them"]
    better: dict[str, list[float]] = {"": [], " and listings": []}
    for source, found in result["sources"].items():
        ratio = np.array(found["queue_found"]) / (FIRST * 0.05)
        lines += [
            f"{source}: {found['listings']:,} listings, judged on {found['judged_by']} pairs",
            f"  mismatches in the first {FIRST} reviews: queue {np.mean(found['queue_found']):.1f} "
            f"({ratio.min():.1f} to {ratio.max():.1f} times the 5% of random), "
            f"random {np.mean(found['random_found']):.1f}",
            f"  average precision of the base {found['base_ap']:.4f}; gained with",
        ]
        for name, scores in found["ap"].items():
            lines.append(f"    {name:25} {interval(np.array(scores) - found['base_ap'])}")
        for name in better:
            ahead = np.array(found["ap"]["queue 600" + name]) - np.array(found["ap"]["random 1000"])
            better[name] += list(ahead)
    lines.append("All: ahead of 1,000 random labels by")
    lines += [f"    {'queue 600' + name:25} {interval(ahead)}" for name, ahead in better.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
