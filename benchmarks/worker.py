"""What queue, claims and database cost on top of the model, at the size of ViT-B/32.

    python -m benchmarks.worker --model-config ../shared/clip-vit-base-patch32

Rounds in turn: the bare batch path (encode photos and texts of files on disk) in this process,
and the same number of fresh products through a real worker. Weights are random: the time is true.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from moderation.clip.encoder import Encoder
from tools.live_project import LiveProject

from .machine import machine
from .models import vit_b32_folder
from .photos import write_photos

LIVE = "status IN ('pending', 'running')"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-config", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = vit_b32_folder(options.model_config, folder=Path(folder) / "model")
        result = measure(
            model,
            folder=Path(folder),
            rounds=options.rounds,
            photos=options.photos,
            precision=options.precision,
        )
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(
    model: Path, *, folder: Path, rounds: int, photos: int, precision: str
) -> dict[str, Any]:
    encoder = Encoder.load(model, precision=precision)
    project = LiveProject(
        folder, environment={"CLIP_MODEL_PATH": str(model), "CLIP_PRECISION": precision}
    )
    bare, through = [], []
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        project.start("worker")
        run_worker(project, folder, name="warm", photos=1)
        for number in range(rounds):
            paths = write_photos(folder / f"bare{number}", count=photos, seed=2 * number)
            started = time.perf_counter()
            encoder.encode_files(paths)
            encoder.encode_texts([text(path) for path in paths])
            bare.append(time.perf_counter() - started)
            through.append(run_worker(project, folder, name=f"round{number}", photos=photos))
        memory = max(peak_memory(process.pid) for process in project.workers())
    finally:
        project.close()
    ratios = [b / a for a, b in zip(bare, through, strict=True)]
    return {
        "machine": machine(),
        "precision": precision,
        "photos_per_round": photos,
        "bare_seconds": [round(s, 2) for s in bare],
        "through_worker_seconds": [round(s, 2) for s in through],
        "ratio": round(statistics.median(ratios), 3),
        "worker_peak_memory_gb": round(memory / 1e9, 2),
    }


def run_worker(
    project: LiveProject, folder: Path, *, name: str, photos: int, count: int | None = None
) -> float:
    """Import fresh products and return the seconds that all workers, or `count`, took for them.

    They are paused while the import runs: reading and checking a catalogue is no part of it. Those
    that take no part stay so until the others are done.
    """
    paths = write_photos(folder / name, count=photos, seed=zlib.crc32(name.encode()) % 10_000_000)
    rows = "\n".join(f"{name}-{path.stem},{path},{text(path)}," for path in paths)
    catalogue = folder / f"{name}.csv"
    catalogue.write_text(f"product_id,image_path,text,category\n{rows}\n")
    workers = project.workers()
    for process in workers:
        process.suspend()
    project.manage("import_products", str(catalogue))
    started = time.perf_counter()
    for process in workers[:count]:
        process.resume()
    project.wait_until(lambda: project.count(LIVE) == 0, seconds=900, what="all were analysed")
    took = time.perf_counter() - started
    for process in workers:
        process.resume()
    return took


def peak_memory(pid: int) -> int:
    """The most bytes of memory the process ever held at once, as Linux counts them (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def text(path: Path) -> str:
    """A title of the usual length, another one for each photo."""
    return f"Men's washed denim jacket number {path.stem} with two pockets"


def as_text(result: dict[str, Any]) -> str:
    pairs = zip(result["bare_seconds"], result["through_worker_seconds"], strict=True)
    return "\n".join(
        [
            f"{result['machine']}, {result['precision']}",
            *(f"bare {bare:6.2f} s   through the worker {via:6.2f} s" for bare, via in pairs),
            f"median ratio {result['ratio']}; the worker held "
            f"{result['worker_peak_memory_gb']} GB at most",
        ]
    )


if __name__ == "__main__":
    main()
