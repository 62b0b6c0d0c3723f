"""What a command costs before it does anything: `manage.py check`, beside `import django` alone.

    python -m benchmarks.startup

Runs in turn, medians. Commands that need no model must not import torch, which takes seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CHECK = [sys.executable, "manage.py", "check"]
DJANGO = [sys.executable, "-c", "import django"]
# `manage.py check` in a process that can be asked afterwards what it has imported.
HEAVY = """
import sys
sys.argv = ["manage.py", "check"]
import manage
manage.main()
print([name for name in ("torch", "transformers", "pandas", "scipy") if name in sys.modules])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(rounds=options.rounds)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(*, rounds: int) -> dict[str, Any]:
    for command in (CHECK, DJANGO):  # the first run also reads the files from disk
        seconds(command)
    checks, imports = [], []
    for _ in range(rounds):
        checks.append(seconds(CHECK))
        imports.append(seconds(DJANGO))
    ratios = [check / bare for check, bare in zip(checks, imports, strict=True)]
    return {
        "rounds": rounds,
        "check_seconds": round(statistics.median(checks), 2),
        "import_django_seconds": round(statistics.median(imports), 2),
        "ratio": round(statistics.median(ratios), 2),
        "heavy_imports": heavy_imports(),
    }


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def heavy_imports() -> str:
    """Which of the slow libraries `manage.py check` has imported, as a Python list."""
    command = [sys.executable, "-c", HEAVY]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


def as_text(result: dict[str, Any]) -> str:
    return (
        f"manage.py check takes {result['check_seconds']} s, `import django` alone "
        f"{result['import_django_seconds']} s: median ratio {result['ratio']} of "
        f"{result['rounds']} rounds. It imports of torch, transformers and pandas: "
        f"{result['heavy_imports']}."
    )


if __name__ == "__main__":
    main()
