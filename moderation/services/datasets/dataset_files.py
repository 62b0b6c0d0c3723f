"""The columns of a label file, and how a folder is packed so that it gives the same bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

# Column -> its type in Parquet. The order is the order in every format.
COLUMNS = {
    "image_path": "string",
    "text": "string",
    "label": "int8",
    "product_id": "string",
    "category": "string",
    "decision_id": "int64",
    "verdict": "string",
    "reason": "string",
    "wrong_side": "string",
    "moderator": "string",
    "mode": "string",
    "decided_at": "string",
    "similarity": "float64",
    "p_mismatch": "float64",
    "threshold_used": "float64",
    "model_version": "string",
    "weights_sha256": "string",
    "stratum": "string",
    "sampling_probability": "float64",
    "picked_by": "string",
    "in_audit": "int8",
    "analysis_weight": "float64",
    "content_hash": "string",
    "image_sha256": "string",
    "photo": "int8",
}
# The earliest date a zip archive can hold: no clock in the bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def zip_folder(folder: Path, target: IO[bytes]) -> None:
    """Pack a folder: sorted, stored without compression, without dates, so always the same."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _NO_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.file_size = path.stat().st_size  # lets zipfile choose the large-file form
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                while block := source.read(1 << 20):
                    packed.write(block)
