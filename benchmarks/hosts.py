"""What a second worker adds to a backlog, and how claims stand many claimants. PostgreSQL only.

    DATABASE_URL=postgres://postgres@127.0.0.1:5432/postgres \\
        python -m benchmarks.hosts --model-config ../shared/clip-vit-base-patch32

Workers are bound to a core each, as hosts of one core would be; one and two of them take fresh
products in turn. The weights are random: the time is true.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.live_project import LiveProject

from .machine import machine
from .models import vit_b32_folder
from .worker import run_worker

CLAIMANTS = (1, 2, 4, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-config", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=256, help="products a round")
    parser.add_argument("--rows", type=int, default=20_000, help="pending rows for the claims")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("set DATABASE_URL to a PostgreSQL server; it gets a database of its own")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        model = vit_b32_folder(options.model_config, folder=Path(folder) / "model")
        one, two, shares = hosts(model, Path(folder), rounds=options.rounds, photos=options.photos)
    ratio = statistics.median(a / b for a, b in zip(one, two, strict=True))
    print(f"one worker  {_seconds(one)}\ntwo workers {_seconds(two)}\nmedian ratio {ratio:.2f}")
    print(f"of two, the one answered {min(shares):.0%} to {max(shares):.0%}")
    with tempfile.TemporaryDirectory() as folder:
        for count, rate, longest in claims(Path(folder), rows=options.rows):
            print(f"{count:2} claimants: {rate:5.0f} batches/s, the longest took {longest:.2f} s")


def hosts(
    model: Path, folder: Path, *, rounds: int, photos: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds of each round with one worker, with two, and one's share of what the two did."""
    project = LiveProject(
        folder,
        environment={
            "CLIP_MODEL_PATH": str(model),
            "CLIP_PRECISION": "fp32",
            "WORKER_STALE_SECONDS": "900",  # one of them stands still for a round
            "CLIP_SIMILARITY_THRESHOLD": "-1",  # random weights: nothing to explain
        },
    )
    seconds: tuple[list[float], list[float]] = ([], [])
    shares: list[float] = []
    cores = sorted(os.sched_getaffinity(0))
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        for core in cores[:2]:
            os.sched_setaffinity(0, {core})
            project.start("worker")
        os.sched_setaffinity(0, cores)
        project.wait_until(lambda: len(project.workers()) == 2, seconds=120, what="both were up")
        run_worker(project, folder, name="warm", photos=128, count=2)
        for number in range(rounds):
            for count in (1, 2):
                took = run_worker(
                    project, folder, name=f"{number}-{count}", photos=photos, count=count
                )
                seconds[count - 1].append(took)
            answered = project.rows(
                "SELECT count(*) FROM moderation_analysis a JOIN moderation_product p "
                "ON p.id = a.product_id WHERE p.external_id LIKE ? GROUP BY a.claimed_by",
                [f"{number}-2-%"],
            )
            shares.append(max(rows for (rows,) in answered) / photos)
    finally:
        os.sched_setaffinity(0, cores)
        project.close()
    return *seconds, shares


def claims(folder: Path, *, rows: int) -> list[tuple[int, float, float]]:
    """By number of claimants: batches of 16 claimed in a second, and the longest claim."""
    project = LiveProject(folder)
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        os.environ["DATABASE_URL"] = project.environment["DATABASE_URL"]
        return [(count, *_claimed(count, rows=rows)) for count in CLAIMANTS]
    finally:
        os.environ["DATABASE_URL"] = project.environment["DATABASE_URL"].rpartition("/")[0] + (
            "/postgres"
        )
        project.close()


def _claimed(count: int, *, rows: int, seconds: float = 10.0) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    answers: Any = context.Queue()
    _in_a_process(context, _fill, rows)
    start = context.Barrier(count)
    claimants = [
        context.Process(target=_claim, args=(number, seconds, start, answers))
        for number in range(count)
    ]
    for one in claimants:
        one.start()
    found = [answers.get() for _ in claimants]
    for one in claimants:
        one.join()
    return sum(batches for batches, _, _ in found) / max(took for _, took, _ in found), max(
        longest for _, _, longest in found
    )


def _in_a_process(context: Any, target: Any, *arguments: Any) -> None:
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join()


def _fill(rows: int) -> None:
    _set_up()
    from moderation.models import Analysis, ModelVersion, Product

    version = ModelVersion.objects.get(status=ModelVersion.Status.ACTIVE)
    Analysis.objects.all().delete()
    Product.objects.all().delete()
    products = Product.objects.bulk_create(
        (
            Product(external_id=f"P{n}", text="A ball", image="x.jpg", content_hash=str(n))
            for n in range(rows)
        ),
        batch_size=1000,
    )
    Analysis.objects.bulk_create(
        (
            Analysis(product=product, model_version=version, content_hash=product.content_hash)
            for product in products
        ),
        batch_size=1000,
    )


def _claim(number: int, seconds: float, start: Any, answers: Any) -> None:
    _set_up()
    from moderation.services.scoring import claims

    start.wait()
    began, batches, longest = time.perf_counter(), 0, 0.0
    asked = began
    for _ in claims.claim_batches(size=16, owner=f"claimant/{number}/1"):
        now = time.perf_counter()
        batches, longest, asked = batches + 1, max(longest, now - asked), now
        if now - began > seconds:
            break
    answers.put((batches, time.perf_counter() - began, longest))


def _set_up() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
    django.setup()


def _seconds(values: list[float]) -> str:
    return "  ".join(f"{value:5.1f} s" for value in values)


if __name__ == "__main__":
    main()
