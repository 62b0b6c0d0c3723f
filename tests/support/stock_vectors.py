"""Unit vectors by transformers alone: its own tokenizer, image processor and model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def stock_texts(folder: Path, texts: Sequence[str], *, tokenizer: Any = None, **how: Any) -> Any:
    """[n, d] of texts in one batch; `how` goes to the tokenizer, the folder's own unless given."""
    import torch
    from transformers import AutoTokenizer

    tokenizer = tokenizer or AutoTokenizer.from_pretrained(folder)
    rows = tokenizer(list(texts), return_tensors="pt", **{"padding": True, **how})
    with torch.inference_mode():
        return _unit(stock_model(folder).get_text_features(**rows).pooler_output)


def stock_images(folder: Path, images: Sequence[Image.Image]) -> np.ndarray:
    """[n, d] of RGB pictures in one batch."""
    import torch

    with torch.inference_mode():
        shown = image_processor(folder)(list(images), return_tensors="pt")
        return _unit(stock_model(folder).get_image_features(**shown).pooler_output)


def image_processor(folder: Path) -> Any:
    """The one that preprocessor_config.json names, in its form for Pillow."""
    import transformers

    said = json.loads((folder / "preprocessor_config.json").read_text())
    kind = getattr(transformers, said["image_processor_type"] + "Pil")
    return kind.from_pretrained(folder)


@cache
def stock_model(folder: Path) -> Any:
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder).eval()


def _unit(vectors: Any) -> np.ndarray:
    import torch

    return np.asarray(torch.nn.functional.normalize(vectors, dim=-1))
