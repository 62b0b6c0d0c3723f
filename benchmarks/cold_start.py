"""From the start of a process to its first verdict, and its memory: by torch and by onnxruntime.

    python -m benchmarks.cold_start [--model FOLDER] [--rounds 3]

Each in a process of its own that sets Django up, loads the model, and scores one photo with its
text. The exported towers are made before, as they are after `manage.py choose_backend`. Medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moderation.clip.backends import export
from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER

from .encode import ROOT
from .machine import machine
from .photos import write_photos

SCRIPT = """
import os, sys
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
import django
django.setup()
from moderation.clip.encoder import Encoder
from moderation.services.encoding import embeddings
folder, exports, photo = map(Path, sys.argv[1:4])
encoder = Encoder.load(
    folder, device="cpu", backend=sys.argv[4], precision="fp32", exports=exports
)
encoder.encode_files([photo])
encoder.encode_texts(["a blue ceramic teapot"])
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=BUNDLED_FOLDER)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}; {options.rounds} rounds")
    print("| by | seconds to the first verdict | MB at most |\n|---|--:|--:|")
    with tempfile.TemporaryDirectory() as name:
        exports = Path(name) / "exported"
        (photo,) = write_photos(Path(name) / "photos", count=1, seed=0)
        export.towers(options.model, exports=exports, precision="fp32")
        found: dict[str, list[tuple[float, int]]] = {"torch": [], "onnx": []}
        for _ in range(options.rounds):
            for backend, runs in found.items():
                runs.append(_run(options.model, exports, photo, backend))
    for backend, runs in found.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"| {backend} | {seconds:.1f} | {megabytes:.0f} |")


def _run(model: Path, exports: Path, photo: Path, backend: str) -> tuple[float, int]:
    """Seconds until the process has ended, and its memory in MB."""
    started = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(model), str(exports), str(photo), backend],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - started, int(ran.stdout)


if __name__ == "__main__":
    main()
