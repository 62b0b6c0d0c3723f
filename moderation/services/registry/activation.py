"""Making a version the active one; the pending requests move to it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from moderation import acts
from moderation.clip.errors import ModelUnavailable
from moderation.models import ModelVersion, VersionEvent

from . import files, questions, version_log
from .registering import BUNDLED, Source, register
from .versions import Status, current, from_path


def activate(
    version: ModelVersion,
    *,
    by: User | None = None,
    kind: str = VersionEvent.Kind.ACTIVATED,
    reason: str = "",
    provided: Callable[[ModelVersion | None], None] | None = None,
) -> VersionEvent | None:
    """Make this the one active version and log what it replaced; None where it was active before.

    Pending requests to the previous version move to the one that answers now.
    `provided` is called with the active version, held, and raises where it must stay.
    Raises `NeedsTheGate` for the weights of a candidate, unless `kind` says that the gate or a
    lead let them pass, and `Overtaken` where another one became active at the same moment.
    """
    event, previous = _switch(version, by=by, kind=kind, reason=reason, provided=provided)
    if previous is not None:
        questions.move(previous, to=current())
    return event


def _switch(
    version: ModelVersion,
    *,
    by: User | None,
    kind: str,
    reason: str,
    provided: Callable[[ModelVersion | None], None] | None,
) -> tuple[VersionEvent | None, ModelVersion | None]:
    """The event and the version that was active before."""
    with transaction.atomic():
        active = version_log.hold_active(wanted=version)
        if provided is not None:
            provided(active)
        if active is not None and active.pk == version.pk:
            version.refresh_from_db()
            return None, active
        if kind == VersionEvent.Kind.ACTIVATED:
            version_log.refuse_candidates(version)
        if active is not None:
            active.status = Status.AVAILABLE
            active.save(update_fields=["status"])
        version_log.make_active(version)
        version.refresh_from_db()
        event = VersionEvent.objects.create(
            version=version,
            kind=kind,
            by=by,
            reason=reason,
            before=version_log.state_to_return_to(active) if active else {},
            after=version_log.state(version) | version_log.stop_automatic_action(version, by=by),
        )
        acts.note(
            f"version {kind}",
            by=by,
            version=version.pk,
            replaced=active.pk if active else None,
            event=event.pk,
        )
        return event, active


def set_up(
    *, progress: bool = False, try_out: Callable[[ModelVersion], None] | None = None
) -> tuple[ModelVersion, str]:
    """Register the models and, where none is active, pick one; returns it and why it was picked.

    The model of `CLIP_MODEL_NAME` is fetched; where the hub cannot be reached and nothing is
    cached, the bundled one is activated instead, once. Later runs never switch by themselves,
    except bundled weights that a new release has replaced: the old ones are no longer there.
    `try_out` is called before a version is activated, and raises `ModelError` where it cannot run.
    """

    def pick(version: ModelVersion) -> None:
        if try_out is not None:
            try_out(version)
        activate(version)

    bundled = register(BUNDLED)
    wanted = register(settings.CLIP_MODEL_NAME)
    if settings.CLIP_MODEL_PATH:
        register(settings.CLIP_MODEL_PATH)
    log_configured()
    active = ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if active is not None and active.source == Source.BUNDLED and active != bundled:
        pick(bundled)
        return bundled, "the bundled model of this release; run `manage.py reanalyze --stale`"
    if active is not None:
        return active, "as before"
    try:
        files.fetch(wanted, progress=progress)
    except ModelUnavailable as error:
        pick(bundled)
        return bundled, f"INSTEAD of {wanted.name}, for now and until you change it. {error}"
    pick(wanted)
    return wanted, "as CLIP_MODEL_NAME asks"


def log_configured() -> None:
    """Add to the log where the setting `CLIP_MODEL_PATH` decides since now which version answers,
    or where it does no longer. Raises `ModelError` for a path that leads to no model.

    No gate is asked then: the person who sets it must at least be able to find that out later.
    """
    path = settings.CLIP_MODEL_PATH or ""
    version = from_path(path) if path else ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if version is not None:
        version_log.note_configured(version, path=path)
