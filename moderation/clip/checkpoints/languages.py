"""Which languages a model reads: its `clipmod.json` says so, or it is known of a model of the hub.

Of every other model it is not known, and nothing is held back from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moderation.clip.errors import ModelError

OF_THE_HUB = {
    "openai/clip-vit-base-patch32": ["en"],
    "openai/clip-vit-base-patch16": ["en"],
    "openai/clip-vit-large-patch14": ["en"],
    "openai/clip-vit-large-patch14-336": ["en"],
    # Those of SigLIP that learnt English texts alone; the multilingual ones are left out.
    "google/siglip-base-patch16-224": ["en"],
    "google/siglip-base-patch16-256": ["en"],
    "google/siglip-base-patch16-384": ["en"],
    "google/siglip-base-patch16-512": ["en"],
    "google/siglip-large-patch16-256": ["en"],
    "google/siglip-large-patch16-384": ["en"],
    "google/siglip-so400m-patch14-384": ["en"],
}


def said(about: Mapping[str, Any], *, path: Path) -> list[str]:
    """The `languages` of a `clipmod.json`, empty where it has none. Raises `ModelError`."""
    languages = about.get("languages") or []
    if not isinstance(languages, list) or not all(isinstance(one, str) for one in languages):
        raise ModelError(
            f'{path}: languages must be a list of codes such as ["en"], or null where it is not '
            "known what the model reads; correct the file."
        )
    return languages
