"""Real photos through import, queue and worker: throughput, ROC-AUC and flags.

    python -m benchmarks.catalogue ../shared/catalogue/val_pairs.csv

Takes a CSV with image_path, text, label (1 match, 0 mismatch) and kind, runs a clipmod of its own
in a temporary folder with the bundled model, and judges what the worker wrote into the database.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from moderation.clip.statistics.metrics import roc_auc
from tools.live_project import LiveProject

from .machine import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--sample", type=int, help="only so many pairs, evenly spaced")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.pairs.resolve(), folder=Path(folder), sample=options.sample)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


def measure(pairs: Path, *, folder: Path, sample: int | None = None) -> dict[str, Any]:
    """Import the pairs as products, let a real worker answer, and score its answers."""
    with pairs.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if sample is not None:
        rows = [rows[number * len(rows) // sample] for number in range(sample)]
    write_catalogue(rows, folder / "catalogue.csv", base=pairs.parent)
    project = LiveProject(folder)
    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        started = time.perf_counter()
        project.manage("import_products", str(folder / "catalogue.csv"))
        imported = time.perf_counter()
        project.start("worker")
        project.wait_until(lambda: bool(project.workers()), seconds=120, what="a worker began")
        began = time.perf_counter()
        project.wait_until(
            lambda: project.count("status IN ('pending', 'running')") == 0,
            seconds=1800,
            what="all were analysed",
        )
        ended = time.perf_counter()
        answers = project.rows(
            "SELECT p.external_id, a.similarity, a.is_mismatch FROM moderation_product p "
            "JOIN moderation_analysis a ON a.id = p.analysis_id WHERE a.status = 'done'"
        )
    finally:
        project.close()
    return {
        "machine": machine(),
        "products": len(rows),
        "analysed": len(answers),
        "import_seconds": round(imported - started, 1),
        "worker_seconds": round(ended - began, 1),
        "analysed_per_second": round(len(answers) / (ended - began), 1),
        **quality(rows, {int(pk): (float(s), bool(flag)) for pk, s, flag in answers}),
    }


def write_catalogue(rows: list[dict[str, str]], path: Path, *, base: Path) -> None:
    """Each pair becomes a product of its own, its line number being the id."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["product_id", "image_path", "text", "category"])
        for number, row in enumerate(rows):
            writer.writerow([number, base / row["image_path"], row["text"], ""])


def quality(rows: list[dict[str, str]], answers: dict[int, tuple[float, bool]]) -> dict[str, Any]:
    """ROC-AUC overall, by kind of mismatch and by source, and the share flagged by kind."""
    judged = [(row, *answers[number]) for number, row in enumerate(rows) if number in answers]

    def auc(keep: Any) -> float:
        chosen = [(int(row["label"]), score) for row, score, _ in judged if keep(row)]
        return round(float(roc_auc(*zip(*chosen, strict=True))), 4)

    kinds = sorted({row["kind"] for row, *_ in judged} - {"match"})
    sources = sorted({row["image_path"].split("/")[0] for row, *_ in judged})
    flagged = Counter(row["kind"] for row, _, flag in judged if flag)
    total = Counter(row["kind"] for row, *_ in judged)
    return {
        "auc": auc(lambda row: True),
        "auc_by_kind": {k: auc(lambda row, k=k: row["kind"] in (k, "match")) for k in kinds},
        "auc_by_source": {
            s: auc(lambda row, s=s: row["image_path"].startswith(f"{s}/")) for s in sources
        },
        "flagged": sum(flagged.values()),
        "flagged_share_by_kind": {k: round(flagged[k] / total[k], 3) for k in sorted(total)},
    }


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['machine']}",
        f"{result['analysed']} of {result['products']} products analysed by the worker in "
        f"{result['worker_seconds']} s, its start included ({result['analysed_per_second']}/s); "
        f"imported in {result['import_seconds']} s.",
        f"ROC-AUC {result['auc']}",
        *(f"  {name:10} {auc}" for name, auc in result["auc_by_kind"].items()),
        *(f"  {name:10} {auc}" for name, auc in result["auc_by_source"].items()),
        f"Flagged: {result['flagged']}",
        *(f"  {kind:10} {share:.1%}" for kind, share in result["flagged_share_by_kind"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
