"""Back to the version that was active before, as it was: thresholds, calibration, scores, queue.

`results.settle` only ever moves a product to a newer analysis. Here products are put back to the
analyses that the previous version had made by the time it was replaced, the very rows. Products
that it has not scored as they are now get new requests. What people decided meanwhile stays
decided; what the automatic action decided by the scores of the version that goes is undone.

The switch itself is one transaction. The products follow chunk by chunk, so that a million of
them lock nothing for long; until the last, the log's row says how far it is, and the next process
(the sweeper, the command) resumes from there. Where another version becomes active meanwhile, the
rest is left to that one.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, OuterRef, QuerySet, Subquery

from moderation.models import Analysis, ModelVersion, Product, VersionEvent

from ..encoding import engine
from ..queries.one_parameter import among
from ..registry import activation, version_log
from ..registry.version_log import Kind
from ..scoring import analyze
from . import automatic_undo, queue_rollback
from .promotion import PromotionError, check_rights

ACTIVE = ModelVersion.Status.ACTIVE
CHUNK = 2000

Progress = Callable[[int, int], None]


def rollback(*, by: User | None = None, progress: Progress | None = None) -> ModelVersion:
    """Make the version active again that the present one replaced; returns it.

    Raises `PromotionError` where there is none or `by` may not, `ModelError` where it cannot run,
    as its files are gone or damaged; then nothing has changed.
    """
    check_rights(by)
    event = unfinished() or switch(by=by)
    finish(progress=progress)
    return event.version


def unfinished() -> VersionEvent | None:
    """The rollback whose products are not all put back yet."""
    event = version_log.switches().defer("before").first()
    if event is None or event.kind != Kind.ROLLED_BACK or event.after.get("finished"):
        return None
    return event


def automatic_undone(version: ModelVersion) -> int:
    """How many automatic decisions the last rollback to this version has undone so far."""
    event = version.events.filter(kind=Kind.ROLLED_BACK).defer("before").first()
    return event.after.get("automatic_undone", 0) if event else 0


def finish(*, progress: Progress | None = None) -> bool:
    """Put back the products of a rollback that is not finished; False where there is none."""
    event = unfinished()
    if event is None:
        return False
    replaced = VersionEvent.objects.get(pk=event.after["undoes"])
    total, done = Product.objects.count(), 0
    while count := _next_chunk(event.pk, replaced):
        done += count
        if progress:
            progress(done, max(done, total))
    return True


def former() -> VersionEvent | None:
    """The event that made the present version active; its `before` is what a rollback restores.

    Rolling back takes the last switch off the pile, so that twice goes back two versions.
    """
    pile: list[VersionEvent] = []
    # What they replaced is long (the items of the random sample), and is read of one of them only.
    for event in version_log.switches().defer("before").order_by("pk"):
        if event.kind == Kind.ROLLED_BACK:
            del pile[-1:]
        else:
            pile.append(event)
    return pile[-1] if pile and pile[-1].before else None


def switch(*, by: User | None = None) -> VersionEvent:
    """The first half of a rollback: the previous version is active, as it was; then `finish`."""
    check_rights(by)
    replaced = former()
    if replaced is None:
        raise PromotionError("No version was active before the present one: nothing to go back to.")
    target = ModelVersion.objects.get(pk=replaced.before["version"])
    engine.try_out(target)
    with transaction.atomic():
        # Held, so that from here on no promotion comes between.
        list(ModelVersion.objects.select_for_update(no_key=True).filter(status=ACTIVE))
        if former() != replaced:
            raise PromotionError("The active version has just changed; look again.")
        for name in version_log.VERDICT_FIELDS:
            setattr(target, name, replaced.before[name])
        target.save(update_fields=version_log.VERDICT_FIELDS)
        # Before the switch, which would ask the target what waits for the version it replaces.
        _drop_questions(replaced.version)
        event = activation.activate(target, by=by, kind=Kind.ROLLED_BACK)
        if event is None:
            raise PromotionError(f"“{target.name}” is active already: nothing to go back to.")
        event.after |= {"undoes": replaced.pk, "finished": False}
        event.save(update_fields=["after"])
    return event


def _drop_questions(version: ModelVersion) -> None:
    """What nobody has answered yet, or is answering now, must not come in after the rollback."""
    live = Analysis.objects.live().filter(model_version=version).order_by("pk")
    # Locked before they go: one whose answer is being written at this moment is live no longer
    # then, and stays as history.
    while keys := list(live.select_for_update().values_list("pk", flat=True)[:CHUNK]):
        Analysis.objects.filter(among("pk", keys)).delete()


# ── The products ──────────────────────────────────────────────────────────────────────────────
def _next_chunk(event_key: int, replaced: VersionEvent) -> int:
    """Put the next products back; returns how many, 0 where all are, or another version is active.

    Each transaction takes up where the last one stopped, in whichever process. Meanwhile the
    version stays active: otherwise scores of a newer one could be put back, too.
    """
    with transaction.atomic():
        event = VersionEvent.objects.select_for_update().defer("before").get(pk=event_key)
        version = (
            ModelVersion.objects.select_for_update(no_key=True)
            .filter(pk=event.version_id, status=ACTIVE)
            .first()
        )
        if version is None or event.after.get("finished"):
            return 0
        keys = Product.objects.order_by("pk").values_list("pk", flat=True)
        chunk = list(keys.filter(pk__gt=event.after.get("up_to", 0))[:CHUNK])
        if chunk:
            products = Product.objects.filter(pk__range=(chunk[0], chunk[-1]))
            undone = _put_back(replaced, version, products)
            undone += event.after.get("automatic_undone", 0)
            event.after |= {"up_to": chunk[-1], "automatic_undone": undone}
        else:
            event.after |= {"finished": True}
        event.save(update_fields=["after"])
        return len(chunk)


def _put_back(replaced: VersionEvent, version: ModelVersion, products: QuerySet[Product]) -> int:
    """Point these products at the version's own analyses with their queue; request the rest.

    Returns how many automatic decisions of the replaced version it has undone.
    """
    # First, as every writer of answers does, and in one order, so that none wait in a ring.
    list(products.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    undone = automatic_undo.undo(
        automatic_undo.standing(replaced.version, since=replaced.created_at).filter(
            analysis__product__in=products
        ),
        by=None,
        why=f"Undone by the rollback from “{replaced.version.name}” to “{version.name}”.",
    )
    own = Analysis.objects.filter(
        model_version=version,
        status=Analysis.Status.DONE,
        pk__lte=replaced.before["last_analysis"],
        product=OuterRef("pk"),
        content_hash=OuterRef("content_hash"),
    )
    newest = own.order_by().values("product").annotate(newest=Max("pk")).values("newest")
    found = products.annotate(own=Subquery(newest))
    found.exclude(own=None).update(analysis=F("own"))
    drawn = {int(pk): share for pk, share in replaced.before["drawn"].items()}
    queue_rollback.put_back(
        products.filter(analysis__model_version=version),
        version=version,
        before=queue_rollback.Before(replaced.created_at, drawn),
    )
    unknown = list(found.filter(own=None))
    if unknown:
        analyze.request(unknown, version=version)
    return undone
