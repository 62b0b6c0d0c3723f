"""Real photos, as a shop brings them: file, import, queue, worker, verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.catalogue import measure

pytestmark = [pytest.mark.slow, pytest.mark.catalogue]

PAIRS = 400


def test_real_photos_are_told_apart_through_import_and_worker(
    catalogue: Path, tmp_path: Path, report_figures: Callable[[str], None]
) -> None:
    result = measure(catalogue / "val_pairs.csv", folder=tmp_path, sample=PAIRS)

    by_part = {**result["auc_by_kind"], **result["auc_by_source"]}
    report_figures(
        f"{PAIRS} pairs of val_pairs.csv through import and worker, ROC-AUC: {result['auc']:.3f} ("
        + ", ".join(f"{name} {auc:.3f}" for name, auc in by_part.items())
        + f"), {result['flagged']} flagged"
    )
    assert result["analysed"] == PAIRS
    assert result["auc"] > 0.85
