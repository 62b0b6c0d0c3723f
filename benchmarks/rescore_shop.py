"""The shop of `benchmarks.rescore`: made in bulk, and a part of it sent through the worker."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from moderation.clip import prompts  # noqa: E402
from moderation.clip.checkpoints import head_maps as map_files  # noqa: E402
from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER  # noqa: E402
from moderation.clip.texts.prepare import PREPARATION  # noqa: E402
from moderation.models import (  # noqa: E402
    Analysis,
    Embedding,
    ModelVersion,
    Product,
    ReviewItem,
)
from moderation.models.catalog import content_hash  # noqa: E402
from moderation.services.encoding.embeddings import text_sha256  # noqa: E402
from moderation.services.encoding.engine import active_categories, engine_for  # noqa: E402
from moderation.services.registry import registering, versions  # noqa: E402
from moderation.services.scoring import analyze  # noqa: E402

BATCH = 20_000
LIKENESS = 0.46  # the usual similarity of a match; its spread is about 0.9 / sqrt(d)
PRECISION = "fp32"


def seed(products: int, dim: int) -> None:
    """Products scored by the bundled version, their vectors, and the child that follows from it."""
    random = np.random.default_rng(0)
    parent = versions.current()
    limit = LIKENESS - 1.645 * np.sqrt(1 - LIKENESS**2) / np.sqrt(dim)  # flags 5%
    ModelVersion.objects.update(threshold=limit)
    parent.refresh_from_db()
    make_child(parent, dim=dim, random=random, threshold=limit)
    sentences = {s for _, noun in active_categories() for s in prompts.category_prompts(noun)}
    hashes = [text_sha256(sentence) for sentence in sorted(sentences)]
    store(parent, "text", hashes, unit(random.normal(size=(len(hashes), dim))))
    for start in range(0, products, BATCH):
        numbers = range(start + 1, min(start + BATCH, products) + 1)
        with transaction.atomic():
            fill(parent, numbers, dim=dim, random=random)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in ("product", "analysis"):
                name = f"moderation_{table}"
                cursor.execute(f"SELECT setval('{name}_id_seq', {products})")
        cursor.execute("ANALYZE")


def make_child(
    parent: ModelVersion, *, dim: int, random: np.random.Generator, threshold: float
) -> None:
    """A version with other projections on the same towers."""
    from safetensors.numpy import load_file, save_file

    folder = Path(os.environ["BENCHMARK_FOLDER"]) / "child"
    shutil.copytree(BUNDLED_FOLDER, folder)
    weights = load_file(folder / "model.safetensors")
    weights["logit_scale"] = np.asarray(weights["logit_scale"] + 0.01, dtype=np.float32)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    maps = {
        name: (np.eye(dim) + 0.3 * random.normal(size=(dim, dim)) / np.sqrt(dim)).astype(np.float32)
        for name in map_files.NAMES.values()
    }
    save_file(maps, folder / map_files.FILE_NAME)
    child = registering.register(str(folder))
    ModelVersion.objects.filter(pk=child.pk).update(
        name="child", vision_of=parent, threshold=threshold
    )


def fill(version: ModelVersion, numbers: range, *, dim: int, random: np.random.Generator) -> None:
    images = unit(random.normal(size=(len(numbers), dim)))
    others = unit(random.normal(size=(len(numbers), dim)))
    texts = unit(LIKENESS * images + np.sqrt(1 - LIKENESS**2) * others)
    scores = np.einsum("nd,nd->n", images, texts).tolist()
    titles = [f"Men's washed denim jacket number {n} with two pockets" for n in numbers]
    shas = [text_sha256(f"photo {n}") for n in numbers]
    contents = [content_hash(text=t, image_sha256=s) for t, s in zip(titles, shas, strict=True)]
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    top = '[{"category": "Jackets", "score": 0.6}]'
    rows = list(zip(numbers, titles, shas, contents, scores, strict=True))
    insert(
        Product,
        "id external_id text image seller source image_sha256 content_hash created_at updated_at",
        (
            (n, f"P{n}", t, f"products/{n}.jpg", "", "import", s, c, now, now)
            for n, t, s, c, _ in rows
        ),
    )
    insert(
        Analysis,
        "id product_id model_version_id text image image_sha256 content_hash status attempts "
        "claimed_by error similarity threshold_used is_mismatch top_categories precision "
        "preparation created_at finished_at",
        (
            (
                *(n, n, version.pk, t, f"products/{n}.jpg", s, c, "done", 1, "", "", score),
                *(version.threshold, score < version.threshold, top, PRECISION),
                *(PREPARATION, now, now),
            )
            for n, t, s, c, score in rows
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE moderation_product SET analysis_id = id WHERE id >= %s AND id <= %s",
            [numbers[0], numbers[-1]],
        )
    store(version, "image", shas, images)
    store(version, "text", [text_sha256(title) for title in titles], texts)
    ReviewItem.objects.bulk_create(
        ReviewItem(product_id=n, analysis_id=n, suspicion=-score)
        for n, *_, score in rows
        if score < version.threshold
    )


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def store(version: ModelVersion, tower: str, hashes: Sequence[str], vectors: np.ndarray) -> None:
    halves = vectors.astype(np.float16)
    insert(
        Embedding,
        "content_hash tower model_version_id precision vector",
        (
            (sha, tower, version.pk, PRECISION, halves[row].tobytes())
            for row, sha in enumerate(hashes)
        ),
    )


def insert(model: Any, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    names = columns.split()
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(names))
            cursor.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
                list(rows),
            )


def through_worker(products: int) -> float:
    """Seconds for the way through queue and worker, the model loaded and all vectors known."""
    child = ModelVersion.objects.get(name="child")
    engine = engine_for(child)
    engine.category_vectors([noun for _, noun in active_categories()])
    chosen = list(Product.objects.order_by("pk")[:products])
    started = time.perf_counter()
    for start in range(0, products, 500):
        analyze.request(chosen[start : start + 500], version=child)
    while analyze.run_pending(owner="benchmark/0/0", seconds=600):
        pass
    return time.perf_counter() - started


if __name__ == "__main__":
    what, count, dimension = sys.argv[1:]
    if what == "seed":
        seed(int(count), int(dimension))
    else:
        sys.stdout.write(f"{through_worker(int(count))}\n")
