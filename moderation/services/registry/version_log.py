"""The log of model versions: what it keeps of a version, and who may not be activated at all."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.models import Analysis, AutomaticAction, ModelVersion, ReviewItem, VersionEvent

Kind = VersionEvent.Kind
# Rows that tell of a change of the active version; the newest tells which one it replaced.
SWITCHES = (Kind.PROMOTED, Kind.FORCED, Kind.ACTIVATED, Kind.ROLLED_BACK)
# In the `after` of a row that tells of the setting `CLIP_MODEL_PATH`, which is no such change.
CONFIGURED = "configured"
# In the `after` of rows about the automatic action, which change no threshold.
AUTOMATIC_KEYS = ["automatic_action", "automatic_undone"]
# In a version's `calibration`, and in the `after` of rows that tell of it: the share of mismatches
# that the audit has found. It is the shop's, whatever the curve was fitted on.
PREVALENCE = "prevalence"
# With the weights, these decide what a version says of a pair.
VERDICT_FIELDS = (
    "threshold",
    "clear_threshold",
    "thresholds_from",
    "platt_a",
    "platt_b",
    "calibration",
)


class NeedsTheGate(ModelError):
    """A candidate was to be activated without being compared with what runs."""

    def __init__(self, candidate: ModelVersion) -> None:
        super().__init__(
            f"“{candidate.name}” is a candidate and becomes active only through the gate, which "
            f"compares it with what runs now: python manage.py promote {candidate.name}"
        )


class Overtaken(ModelError):
    """Two versions were to become active at the same moment."""

    def __init__(self, wanted: ModelVersion) -> None:
        super().__init__(
            f"“{wanted.name}” was not activated: another version has become active at this very "
            "moment. Look at which one, and activate again if you still want to."
        )


def note_failure(version: ModelVersion, *, reason: str) -> None:
    """Log that what a button requested came to nothing, and why."""
    VersionEvent.objects.create(version=version, kind=Kind.FAILED, reason=reason[:500])


def switches() -> QuerySet[VersionEvent]:
    """The rows that tell of a change of the active version, the newest first."""
    found = VersionEvent.objects.filter(kind__in=SWITCHES)
    return found.exclude(after__has_key=CONFIGURED)


def hold_active(*, wanted: ModelVersion) -> ModelVersion | None:
    """The active version, locked until the transaction ends. Raises `Overtaken`."""
    held = ModelVersion.objects.select_for_update(no_key=True)
    held = held.filter(status=ModelVersion.Status.ACTIVE)
    active = held.first()
    if active is None:
        # PostgreSQL skips a row that has changed while it was waited for.
        active = held.first()
        if active is not None and active.pk != wanted.pk:
            raise Overtaken(wanted)
    return active


def make_active(version: ModelVersion) -> None:
    """Mark it, while none is marked (in a transaction). Raises `Overtaken`."""
    status = ModelVersion.Status.ACTIVE
    rows = ModelVersion.objects.filter(pk=version.pk).exclude(status=status)
    try:
        with transaction.atomic():
            changed = rows.update(status=status, activated_at=timezone.now())
    except IntegrityError as error:
        raise Overtaken(version) from error
    if not changed:
        raise Overtaken(version)


def note_configured(version: ModelVersion, *, path: str) -> None:
    """Log that this version answers since `CLIP_MODEL_PATH` was set, or (empty) no longer is."""
    noted = VersionEvent.objects.filter(kind=Kind.ACTIVATED, after__has_key=CONFIGURED)
    last = noted.select_related("version").first()
    was = last.after[CONFIGURED] if last else ""
    if was == path and (not path or (last and last.version == version)):
        return
    reason = (
        f"By the setting CLIP_MODEL_PATH ({path}), which takes precedence over the active version."
        if path
        else "CLIP_MODEL_PATH is no longer set: the active version answers again."
    )
    VersionEvent.objects.create(
        version=version,
        kind=Kind.ACTIVATED,
        reason=reason[:500],
        after={CONFIGURED: path} | stop_automatic_action(version, by=None),
    )


def state(version: ModelVersion) -> dict[str, Any]:
    """What decides the verdicts of a version, as its log keeps it."""
    fields = {name: getattr(version, name) for name in VERDICT_FIELDS}
    return {"version": version.pk, "name": version.name} | fields


def state_to_return_to(version: ModelVersion) -> dict[str, Any]:
    """The state of a version that is being replaced, with what a rollback cannot derive.

    `last_analysis`: up to this key, analyses are from before the switch. `drawn`: open items that
    came into the queue in the random sample, with their probability; it depends on scores that they
    had once.
    """
    drawn = ReviewItem.objects.open().filter(in_audit=True, second_of=None)
    return state(version) | {
        "last_analysis": Analysis.objects.aggregate(last=Max("pk"))["last"] or 0,
        "drawn": dict(drawn.values_list("pk", "sampling_probability")),
    }


def stop_automatic_action(version: ModelVersion, *, by: User | None) -> dict[str, bool]:
    """Turn the automatic action off, since `version` begins to answer; what its log tells of it.

    A lead warranted it by what the previous version's scores were worth. Without `by` it is in the
    name of the person who turned it on.
    """
    newest = AutomaticAction.objects.first()
    if newest is None or not newest.is_on:
        return {}
    AutomaticAction.objects.create(
        is_on=False,
        by=by or newest.by,
        reason=f"Turned off by itself: “{version.name}” became active. Look at its band of clear "
        "mismatches before you turn it on again.",
    )
    return {"automatic_action": False}


def refuse_candidates(version: ModelVersion) -> None:
    """Raises `NeedsTheGate` for a candidate, also where a folder brings its very weights again."""
    same = Q(pk=version.pk)
    if version.source == ModelVersion.Source.FOLDER and version.activated_at is None:
        same |= Q(weights_sha256=version.weights_sha256)
    candidate = ModelVersion.objects.filter(same, status=ModelVersion.Status.CANDIDATE).first()
    if candidate is not None:
        raise NeedsTheGate(candidate)
