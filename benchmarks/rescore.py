"""A catalogue scored again from cached vectors, and judged again by another threshold.

    python -m benchmarks.rescore
    python -m benchmarks.rescore --products 1000000
    DATABASE_URL=postgres://... python -m benchmarks.rescore

Makes a shop of random vectors (5% flagged, in the queue) in a database of its own, on SQLite or the
server of DATABASE_URL, and times `manage.py reanalyze` as a process of its own, start included:
first for a version with trained projections, whose vectors follow from the cached ones, then for a
new threshold. Beside it stands the way through queue and worker with the same vectors.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.live_project import ROOT, LiveProject

from .machine import machine

GOALS = {10_000: 5.0, 1_000_000: 300.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=128, help="length of a vector; 128 or 512")
    parser.add_argument("--through-worker", type=int, default=1000, help="products; 0: skip")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(
            Path(folder),
            products=options.products,
            dim=options.dim,
            through_worker=options.through_worker,
        )
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(folder: Path, *, products: int, dim: int, through_worker: int) -> dict[str, Any]:
    project = LiveProject(folder)
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        started = time.perf_counter()
        _shop(project, "seed", products, dim)
        result: dict[str, Any] = {
            "machine": machine(),
            "database": "PostgreSQL" if project.postgres else "SQLite",
            "products": products,
            "dim": dim,
            "seed_seconds": round(time.perf_counter() - started, 1),
            "start_only": timed(project, "reanalyze", "--failed", "--dry-run"),
            "vectors": timed(project, "reanalyze", "--stale", "--model", "child"),
            "threshold": timed(
                project, "reanalyze", "--all", "--model", "child", "--threshold", "0.35"
            ),
        }
        if through_worker:
            seconds = float(_shop(project, "worker", through_worker, dim))
            result["worker_seconds_per_product"] = seconds / through_worker
            own = (result["vectors"]["seconds"] - result["start_only"]["seconds"]) / products
            result["ratio_to_worker"] = round(seconds / through_worker / own, 1)
        return result
    finally:
        project.close()


def timed(project: LiveProject, *arguments: str) -> dict[str, Any]:
    """A command as a process of its own: seconds by the clock and of the processor, peak memory.

    The second is what a machine that is shared with other work still measures truly.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=project.environment,
            cwd=ROOT,
            stdout=out,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        out.seek(0)
        said = out.read().decode().strip().splitlines()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "said": said[-1] if said else "",
    }


def _shop(project: LiveProject, what: str, products: int, dim: int) -> str:
    """Run a part of `benchmarks.rescore_shop` within the project; what it prints last."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rescore_shop", what, str(products), str(dim)],
        env=project.environment | {"BENCHMARK_FOLDER": str(project.folder)},
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip().rpartition("\n")[2]


def as_text(result: dict[str, Any]) -> str:
    count = result["products"]
    lines = [
        f"{result['machine']}; {result['database']}; {count:,} products, vectors of {result['dim']}"
    ]
    for name, words in (
        ("start_only", "the command's start alone"),
        ("vectors", "scored again from mapped vectors"),
        ("threshold", "judged again by a threshold"),
    ):
        found = result[name]
        each = "" if name == "start_only" else f", {found['seconds'] / count * 1e3:.3f} ms each"
        lines.append(
            f"{words:34} {found['seconds']:8.2f} s{each}, {found['cpu_seconds']:.2f} s of "
            f"processor, peak {found['peak_mb']} MB"
        )
        lines.append(f"    {found['said']}")
    if count in GOALS:
        lines.append(f"goal: at most {GOALS[count]:g} s")
    if "ratio_to_worker" in result:
        lines.append(
            f"through queue and worker {result['worker_seconds_per_product'] * 1e3:.2f} ms each "
            f"(model loaded before): {result['ratio_to_worker']} times as long"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
