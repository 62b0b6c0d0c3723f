"""The whole loop in a new shop: import, queue, decisions, `improve`, gate, new scores, queue.

    python -m benchmarks.new_shop.loop grocery --folder /tmp/new-shop

FOLDER/SOURCE holds shop.csv and base/ (see benchmarks.new_shop.measure). clipmod runs on a database
of its own with the settings as shipped, and answers and trains in real processes. Two simulated
moderators, who know the truth, decide what the queue hands out. Printed are what `improve` says,
and how many of the first 200 undecided listings by suspicion are wrong, before and after.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import machine
from tools.live_project import ROOT, LiveProject

from .shop import SOURCES

SHIPPED = ("AUDIT_SHARE", "AUDIT_FLAGGED_SHARE", "GOLD_SHARE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=SOURCES)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--replay", action="store_true", help="with CLIP_REPLAY_CSV")
    parser.add_argument("--keep", type=Path, help="a new folder in which the shop stays")
    options = parser.parse_args()
    shop = options.folder / options.source
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if options.keep:
            options.keep.mkdir(parents=True)
        run(shop, folder=options.keep or Path(folder), options=options)


def run(shop: Path, *, folder: Path, options: argparse.Namespace) -> None:
    """All of it, with everything that clipmod writes in `folder`."""
    project = LiveProject(folder)
    for name in SHIPPED:
        del project.environment[name]
    project.environment["CLIP_CHECKPOINT_DIR"] = str(folder / "checkpoints")
    if options.replay:
        table = _with_paths(shop / "base.csv", options.catalogue, folder / "replay.csv")
        project.environment["CLIP_REPLAY_CSV"] = str(table)
    project.manage("migrate", "-v", "0")
    project.manage("setup")
    project.manage("activate_model", str((shop / "base").resolve()))
    photos = str(options.catalogue.resolve())
    _timed(
        "import", project, "import_products", str(shop / "shop.csv"), "--image-base-path", photos
    )
    _timed("scores", project, "reanalyze", "--stale", "--in-process")
    print(_moderate(project, "decide", shop / "shop.csv", options.decisions), flush=True)
    _timed("improve", project, "improve", "--yes")
    print(_moderate(project, "look", shop / "shop.csv", 0), flush=True)


def _with_paths(table: Path, catalogue: Path, copy: Path) -> Path:
    """The table with paths that lead to the photos from anywhere."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with copy.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("image_path", "text", "category"), extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "image_path": (catalogue / row["image_path"]).resolve()})
    return copy


def _timed(what: str, project: LiveProject, *command: str) -> None:
    """Run a command in a process of its own; print the end of what it says, and its time."""
    started = time.monotonic()
    ran = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env=project.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    lines = (ran.stdout + ran.stderr).strip().splitlines()
    print("\n".join(lines if what == "improve" else lines[-2:]))
    print(f"{what}: {time.monotonic() - started:.0f} s, ends with {ran.returncode}", flush=True)


def _moderate(project: LiveProject, what: str, shop: Path, count: int) -> str:
    """Run `benchmarks.new_shop.moderators` against the project's database."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.new_shop.moderators", what, str(shop), str(count)],
        env=project.environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return ran.stdout.strip()


if __name__ == "__main__":
    main()
