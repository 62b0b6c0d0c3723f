"""The file that mode `head` writes beside a model: how its vectors follow from those of its base.

One square matrix for each tower: a trained vector is M times the base's, made unit length.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moderation.clip.errors import ModelError

FILE_NAME = "head_maps.safetensors"
NAMES = {"image": "M_image", "text": "M_text"}  # of the tensors, by tower

Maps = dict[str, np.ndarray]


def read(folder: Path) -> Maps | None:
    """The maps [d, d] of a model folder by tower, float32; None where it has none.

    Raises `ModelError` where they are damaged, or where the whole folder is gone.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        if not folder.is_dir():
            raise ModelError(f"The model folder {folder} is gone; restore it.")
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        stored = load_file(path)
        maps = {tower: stored[name].astype(np.float32) for tower, name in NAMES.items()}
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"{path} is damaged: it must hold M_image and M_text; restore it."
        ) from error
    shapes = {matrix.shape for matrix in maps.values()}
    (shape, *others) = shapes
    if others or len(shape) != 2 or shape[0] != shape[1]:
        raise ModelError(f"{path} must hold two square matrices of one size; restore it.")
    if not all(np.isfinite(matrix).all() for matrix in maps.values()):
        raise ModelError(f"{path} holds numbers that are not finite; restore it.")
    return maps
