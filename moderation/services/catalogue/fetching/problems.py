"""Why a photo is not here: the classes of the client, and what only a photo can be."""

from __future__ import annotations

from ...integration.guarded_http import Problem

NOT_AN_IMAGE = "not_an_image"
UNEXPECTED = "unexpected"

LABELS = {
    **{problem.value: str(problem.label) for problem in Problem},
    NOT_AN_IMAGE: "Not an image",
    UNEXPECTED: "An error of clipmod",
}


def label(code: str) -> str:
    """What people read; of a class that a newer release wrote, its code."""
    return LABELS.get(code, code)
