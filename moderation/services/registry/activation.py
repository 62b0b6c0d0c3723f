"""Making another version the active one by hand, past no gate: what waits is asked of it."""

from __future__ import annotations

from django.contrib.auth.models import User

from moderation.models import ModelVersion

from ..scoring import analyze
from . import versions


def activate(version: ModelVersion, *, by: User | None = None) -> None:
    """Make it active, and ask it what nobody has begun to ask the former one.

    Raises what `versions.activate` raises.
    """
    before = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()
    versions.activate(version, by=by)
    if before is not None:
        analyze.move_questions(before, to=versions.current())
