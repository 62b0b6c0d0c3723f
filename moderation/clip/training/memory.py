"""What a training does where memory runs out: free what the failed attempt held, or give up."""

from __future__ import annotations

import gc

from moderation.clip.errors import ModelError


def free() -> None:
    """Give back what a failed attempt held; its error must be forgotten by now."""
    import torch

    gc.collect()  # an error's traceback, its frames and their tensors hold one another
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def too_little(pairs: str) -> ModelError:
    """The error of a training that did not fit with so few `pairs` ("one pair") either."""
    return ModelError(
        f"There is too little memory to train on even {pairs} at a time; free some, or use the "
        "mode head."
    )
