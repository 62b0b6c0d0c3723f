"""Whether clear mismatches are confirmed without a person: off until somebody turns it on."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from moderation.models import AutomaticAction, ModelVersion, VersionEvent

from ..registry import versions
from .threshold_targets import ThresholdError


def newest() -> AutomaticAction | None:
    """The last word on it, or None where it was never turned on."""
    return AutomaticAction.objects.select_related("by").first()


def is_offered(version: ModelVersion) -> bool:
    """Whether there is anything to say of it: this version answers and has such a band.

    Where the band was removed while it is on, it can still be turned off.
    """
    if not versions.is_current(version):
        return False
    last = newest()
    return version.clear_threshold is not None or (last is not None and last.is_on)


def switch(*, on: bool, by: User, reason: str) -> AutomaticAction:
    """Turn it on or off, in the log of the version that answers.

    It holds for that version: another one that becomes active turns it off. Raises
    `ThresholdError` without a reason or band.
    """
    reason = reason.strip()
    if not reason:
        raise ThresholdError("Say in a few words why; the reason is kept.")
    with transaction.atomic():
        # Held, so that no other version becomes active between the look at its band and the row.
        active = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE)
        list(active.select_for_update(no_key=True))
        version = versions.current()
        if on and version.clear_threshold is None:
            raise ThresholdError(
                "The active version has no band of clear mismatches; choose one by its precision "
                "first."
            )
        VersionEvent.objects.create(
            version=version,
            kind=VersionEvent.Kind.THRESHOLD,
            by=by,
            reason=f"Automatic action turned {'on' if on else 'off'}: {reason}"[:500],
            after={"automatic_action": on},
        )
        return AutomaticAction.objects.create(is_on=on, by=by, reason=reason[:500])
