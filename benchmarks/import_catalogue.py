"""Rows a second and peak memory of an import, of a second run, and of a dry run.

    python -m benchmarks.import_catalogue ../shared/catalogue/train.csv
    python -m benchmarks.import_catalogue --rows 20000

Takes a catalogue file, or draws one with photos of 400 x 533 pixels, and imports it into a clipmod
of its own in a temporary folder. Memory is the peak resident set of the whole import process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from moderation.services.catalogue.catalogue_file import open_catalogue
from tools.live_project import ROOT, LiveProject

from .photos import write_photos

DIFFERENT_PHOTOS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, default=20_000, help="how many to draw without FILE")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = options.file or drawn(Path(folder) / "shop", rows=options.rows)
        result = measure(file.resolve(), folder=Path(folder))
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def drawn(folder: Path, *, rows: int) -> Path:
    """A catalogue of `rows` products that share some photos."""
    photos = write_photos(folder, count=DIFFERENT_PHOTOS, seed=1)
    path = folder / "catalogue.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["product_id", "image_path", "text", "category"])
        for number in range(rows):
            name = photos[number % len(photos)].name
            writer.writerow([number, name, f"Product number {number}", f"Kind {number % 40}"])
    return path


def measure(file: Path, *, folder: Path) -> dict[str, Any]:
    """Seconds, rows a second and peak MiB of each kind of run, in the order they are run."""
    live = LiveProject(folder)
    try:
        live.manage("migrate", "-v0")
        live.manage("setup")
        rows = open_catalogue(file).row_count
        runs = {"dry run": ["--dry-run"], "first import": [], "second import": []}
        return {
            "rows": rows,
            "cores": len(os.sched_getaffinity(0)),
            "runs": {name: run(live, file, more, rows=rows) for name, more in runs.items()},
        }
    finally:
        live.close()


def run(live: LiveProject, file: Path, more: list[str], *, rows: int) -> dict[str, float]:
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "import_products", str(file), *more],
        env=live.environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        raise SystemExit("The import failed; see its messages above.")
    return {
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [f"{result['rows']:,} rows, {result['cores']} cores"]
    lines += [
        f"{name:14} {run['seconds']:>7} s {run['rows_per_second']:>6,} rows/s "
        f"{run['cpu_seconds']:>6} s of CPU {run['peak_mib']:>5} MiB at the peak"
        for name, run in result["runs"].items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
