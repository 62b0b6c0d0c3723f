"""Which languages a model reads, as its `clipmod.json` says; of models of the hub: `known.py`.

Of every other model it is not known, and nothing is held back from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moderation.clip.errors import ModelError


def said(about: Mapping[str, Any], *, path: Path) -> list[str]:
    """The `languages` of a `clipmod.json`, empty where it has none. Raises `ModelError`."""
    languages = about.get("languages") or []
    if not isinstance(languages, list) or not all(isinstance(one, str) for one in languages):
        raise ModelError(
            f'{path}: languages must be a list of codes such as ["en"], or null where it is not '
            "known what the model reads; correct the file."
        )
    return languages
