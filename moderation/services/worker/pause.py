"""A pause of all work: until somebody resumes it, no new analyses are handed out.

Workers go on giving heartbeats, and end the batches that they hold. What a message asks for, such
as a promotion, goes on as well: somebody waits for it.
"""

from __future__ import annotations

from django.contrib.auth.models import User

from moderation import acts
from moderation.models import WorkPause


def present() -> WorkPause | None:
    """The pause that holds now."""
    newest = WorkPause.objects.select_related("by").first()
    return newest if newest is not None and newest.is_on else None


def switch(*, on: bool, by: User) -> bool:
    """Pause or resume; False where it was so already."""
    if (present() is not None) == on:
        return False
    WorkPause.objects.create(is_on=on, by=by)
    acts.note("paused the work" if on else "resumed the work", by=by)
    return True
