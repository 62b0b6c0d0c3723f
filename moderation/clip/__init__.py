"""CLIP without Django: pictures and texts to vectors, similarities, verdicts and categories.

from moderation.clip import get_clip_analyzer
get_clip_analyzer().detect_mismatch("photo.jpg", "Red ceramic mug")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moderation.clip.analyzer import CLIPAnalyzer, get_clip_analyzer

__all__ = ["CLIPAnalyzer", "get_clip_analyzer"]


def __getattr__(name: str) -> Any:
    # On first use: the web process imports this package for its errors and plain types alone.
    if name in __all__:
        from moderation.clip import analyzer

        return getattr(analyzer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
