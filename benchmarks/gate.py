"""Whom the gate lets pass: challengers trained on shuffled labels, and truly better ones.

    python -m benchmarks.gate --base /tmp/ns/fashion/base --shop /tmp/ns/fashion/shop.csv

Simulated moderators decide listings of a made shop (`benchmarks.new_shop`). Challengers are trained
by `finetune` in mode head on those decisions with their labels shuffled, and on the right ones; the
shipped model is a challenger too where another one is the base. Each is judged by the real gate on
pairs of products that nobody has trained on, as many as a shop might have in gold and audit. The
check of zero-shot knowledge is skipped, as it can only refuse more.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.checkpoints import checkpoint, head_maps
from moderation.clip.finetune.data import FinetuneData, LabelledPairs
from moderation.clip.finetune.features import EncoderVectors, Remembered
from moderation.clip.finetune.maps import IMAGE_MAP, TEXT_MAP
from moderation.clip.finetune.read import divided
from moderation.clip.finetune.run import finetune
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.statistics import gate
from moderation.clip.statistics.assess import JudgedPairs, Scores
from moderation.clip.statistics.calibration import Calibration

from .machine import machine
from .new_shop.decisions import Shop, queue


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, default=checkpoint.BUNDLED_FOLDER)
    parser.add_argument("--shop", type=Path, required=True, help="a shop.csv of new_shop.shop")
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--challengers", type=int, default=20, help="with shuffled labels, a seed")
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--listings", type=int, default=3000, help="of the shop, to save time")
    parser.add_argument("--mismatches", type=int, nargs="+", default=[30, 60, 120])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """For each kind of challenger and size of the gate's set: how many were let pass."""
    bench = Bench.of(options.base, shop=options.shop, catalogue=options.catalogue)
    tally: dict[tuple[str, int], Counter[str]] = {}
    changes: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        for kind, candidate in bench.challengers(options, seed=seed):
            changes.setdefault(kind, []).append(bench.ap_change(candidate))
            for size in options.mismatches:
                checks = bench.judged_by_the_gate(candidate, mismatches=size, seed=seed)
                count = tally.setdefault((kind, size), Counter())
                count["asked"] += 1
                count["promoted"] += gate.passed(checks)
                count.update(f"refused: {c.name}" for c in checks if c.passed is False)
            print(f"seed {seed}, {kind}: AP {changes[kind][-1]:+.4f}", flush=True)
    return {
        "machine": machine(),
        "base": str(options.base),
        "shop": str(options.shop),
        "seeds": options.seeds,
        "decisions": options.decisions,
        "rows": [
            {"challenger": kind, "mismatches": size, "matches": 2 * size, **dict(count)}
            for (kind, size), count in tally.items()
        ],
        "ap_change_on_all_pairs": {
            kind: {"mean": float(np.mean(found)), "low": min(found), "high": max(found)}
            for kind, found in changes.items()
        },
    }


@dataclass
class Bench:
    """A base model, the shop, and the pairs on which everybody is judged."""

    base: Path
    shop: Shop
    vectors: Remembered
    pairs: list[dict[str, str]]
    catalogue: Path
    active: Scores

    @classmethod
    def of(cls, base: Path, *, shop: Path, catalogue: Path) -> Bench:
        """Read both; the pairs are those of `val_pairs.csv` that are of the shop's source."""
        with shop.open(newline="", encoding="utf-8") as file:
            source = next(csv.DictReader(file))["source"]
        with (catalogue / "val_pairs.csv").open(newline="", encoding="utf-8") as file:
            rows = [r for r in csv.DictReader(file) if r["image_path"].startswith(f"{source}/")]
        vectors = Remembered(_encoded(base))
        bench = cls(
            base, Shop.read(shop, catalogue=catalogue), vectors, rows, catalogue, _nothing()
        )
        bench.active = bench.scores(base, vectors)
        return bench

    def scores(self, folder: Path, vectors: Any) -> Scores:
        """What the model in `folder` says of the pairs; `vectors` are its own, or its base's."""
        images = vectors.images([self.catalogue / row["image_path"] for row in self.pairs])
        texts = vectors.texts([row["text"] for row in self.pairs])
        if (folder / head_maps.FILE_NAME).is_file():
            from safetensors.numpy import load_file

            maps = load_file(folder / head_maps.FILE_NAME)
            images, texts = _turned(images, maps[IMAGE_MAP]), _turned(texts, maps[TEXT_MAP])
        about = checkpoint.read_about(folder)
        found = np.einsum("nd,nd->n", images, texts).astype(np.float64)
        platt = about.get("platt")
        p = None
        if platt:
            calibration = Calibration.from_json({**about.get("calibration", {}), "platt": platt})
            p = np.array([calibration.p_mismatch(float(s)) for s in found])
        return Scores(found, found < about.get("threshold", 0.25), p)

    def challengers(
        self, options: argparse.Namespace, *, seed: int
    ) -> Iterator[tuple[str, Scores]]:
        """(kind, its scores) of every challenger of this seed."""
        data = self.decided(options, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        for number in range(options.challengers):
            wrong = shuffled(data, rng)
            # Without made mismatches, which would teach it something true all the same.
            settings = FinetuneSettings(mode="head", seed=number, swaps=0.0)
            yield "shuffled labels", self.trained(wrong, settings)
        yield "right labels", self.trained(data, FinetuneSettings(mode="head", seed=seed))
        noise = rng.normal(scale=0.01, size=len(self.pairs))
        yield "base with noise", replace(self.active, similarity=self.active.similarity + noise)
        if self.base != checkpoint.BUNDLED_FOLDER:
            shipped = _encoded(checkpoint.BUNDLED_FOLDER)
            yield "shipped model", self.scores(checkpoint.BUNDLED_FOLDER, shipped)

    def decided(self, options: argparse.Namespace, *, seed: int) -> FinetuneData:
        """What the queue handed out and moderators decided."""
        rng = np.random.default_rng(seed)
        size = min(options.listings, len(self.shop))
        some = rng.choice(len(self.shop), size=size, replace=False)
        images = self.vectors.images([self.shop.images[i] for i in some])
        texts = self.vectors.texts([self.shop.texts[i] for i in some])
        scores = np.einsum("nd,nd->n", images, texts)
        chosen = some[queue(scores, count=options.decisions, seed=seed)]
        pairs = LabelledPairs(
            images=[self.shop.images[i] for i in chosen],
            texts=[self.shop.texts[i] for i in chosen],
            labels=self.shop.labels[chosen],
            weights=np.ones(len(chosen)),
            categories=[self.shop.categories[i] for i in chosen],
            groups=[self.shop.texts[i] for i in chosen],
        )
        train, held = divided(pairs, 0.4, seed=seed)
        return FinetuneData(train, *divided(held, 0.5, seed=seed))

    def trained(self, data: FinetuneData, settings: FinetuneSettings) -> Scores:
        with tempfile.TemporaryDirectory() as folder:
            done = finetune(
                self.base, data, Path(folder) / "out", settings=settings, vectors=self.vectors
            )
            return self.scores(done.folder, self.vectors)

    def judged_by_the_gate(
        self, candidate: Scores, *, mismatches: int, seed: int
    ) -> list[gate.Check]:
        """The gate's answer on so many mismatches and twice as many matches, drawn by this seed."""
        labels = np.array([int(row["label"]) for row in self.pairs])
        rng = np.random.default_rng([seed, mismatches])
        rows = np.sort(
            np.concatenate(
                [
                    rng.choice(places, size=min(count, len(places)), replace=False)
                    for places, count in (
                        (np.flatnonzero(labels == 0), mismatches),
                        (np.flatnonzero(labels == 1), 2 * mismatches),
                    )
                ]
            )
        )
        chosen = [self.pairs[row] for row in rows]
        judged = JudgedPairs(
            labels=labels[rows],
            weights=np.ones(len(rows)),
            groups=[row["image_path"] for row in chosen],
            categories=[""] * len(rows),
            kinds=[row["kind"] for row in chosen],
        )
        return gate.judge(judged, active=_at(self.active, rows), candidate=_at(candidate, rows))

    def ap_change(self, candidate: Scores) -> float:
        """On all pairs, so near the truth."""
        from moderation.clip.statistics.metrics import average_precision

        labels = [int(row["label"]) for row in self.pairs]
        return average_precision(labels, candidate.similarity) - average_precision(
            labels, self.active.similarity
        )


def shuffled(data: FinetuneData, rng: np.random.Generator) -> FinetuneData:
    """The same decisions with their labels shuffled within each part."""

    def dealt(part: LabelledPairs) -> LabelledPairs:
        return replace(part, labels=rng.permutation(part.labels))

    return replace(
        data,
        train=dealt(data.train),
        validation=dealt(data.validation),
        calibration=dealt(data.calibration),
    )


def _encoded(folder: Path) -> EncoderVectors:
    return EncoderVectors(folder, device="cpu", precision="fp32")


def _turned(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    turned = vectors.astype(np.float64) @ matrix.T
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _at(scores: Scores, rows: np.ndarray) -> Scores:
    p = scores.p_mismatch
    return Scores(scores.similarity[rows], scores.flagged[rows], None if p is None else p[rows])


def _nothing() -> Scores:
    return Scores(np.zeros(0), np.zeros(0, dtype=bool))


def as_text(result: dict[str, Any]) -> str:
    lines = [
        result["machine"],
        f"Base {result['base']}, shop {result['shop']}, {result['decisions']} decisions, "
        f"{result['seeds']} seeds",
    ]
    for row in result["rows"]:
        why = ", ".join(f"{n} {name[9:]}" for name, n in row.items() if name.startswith("refused"))
        lines.append(
            f"{row['challenger']:16} on {row['mismatches']:4} mismatches and {row['matches']:4} "
            f"matches: {row.get('promoted', 0)} of {row['asked']} promoted ({why or 'no refusal'})"
        )
    for kind, change in result["ap_change_on_all_pairs"].items():
        lines.append(
            f"{kind:16} changes AP on all pairs by {change['mean']:+.4f} in the mean "
            f"({change['low']:+.4f} to {change['high']:+.4f})"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
