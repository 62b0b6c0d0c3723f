"""Cached vectors that no version asks for any longer.

A version's vectors may be what those of another one follow from (`encoding.head_maps`), so all
versions with the same towers stay or go together. Vectors are never more than time saved: what is
missing is computed once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from django.db.models import F, Max

from moderation.clip.errors import ModelError
from moderation.models import (
    Analysis,
    Embedding,
    Evaluation,
    ModelVersion,
    Product,
    ShadowReport,
    TrainingRun,
    VersionEvent,
)

from ..encoding import embeddings
from ..queries.one_parameter import among
from ..registry import version_log, versions
from ..release import rollback
from .periods import Kind

CHUNK = 5000
LISTINGS = 1000  # whose texts are looked at in one step
Status = ModelVersion.Status


def remove(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
    """Remove those of versions in no use since then, and those under former text preparations."""
    for key in replaced(before):
        rows = Embedding.objects.filter(model_version=key)
        if dry_run:
            yield Counter({Kind.VECTORS: rows.count()})
            continue
        while keys := list(rows.values_list("pk", flat=True)[:CHUNK]):
            yield Counter({Kind.VECTORS: Embedding.objects.filter(among("pk", keys)).delete()[0]})
    yield from _of_former_preparations(dry_run=dry_run)


def replaced(before: datetime) -> list[int]:
    """The versions whose vectors may go: no version with the same towers is needed, or was then."""
    parents = dict(ModelVersion.objects.order_by("pk").values_list("pk", "vision_of"))
    families = {_root(key, parents) for key in _needed() | _used_since(before)}
    return [key for key in parents if _root(key, parents) not in families]


def _root(key: int, parents: Mapping[int, int | None]) -> int:
    seen = {key}
    while (parent := parents[key]) is not None and parent not in seen:
        seen.add(parent)
        key = parent
    return key


def _needed() -> set[int]:
    """What answers, what may answer next, and what a rollback leads to."""
    found = ModelVersion.objects.filter(status__in=[Status.ACTIVE, Status.CANDIDATE])
    needed = set(found.values_list("pk", flat=True))
    needed.update(TrainingRun.objects.filter(live=True).values_list("base", flat=True))
    needed.update(
        Analysis.objects.live().order_by().values_list("model_version", flat=True).distinct()
    )
    if (last := rollback.former()) is not None:
        needed.add(last.before["version"])
    if (second := versions.second_judge()) is not None:
        needed.add(second.pk)
    with suppress(ModelError):  # none is active, or the folder of CLIP_MODEL_PATH is away
        needed.add(versions.current().pk)
    return needed


def _used_since(moment: datetime) -> set[int]:
    """Versions that came, answered, were replaced, measured or looked at since then."""
    came = ModelVersion.objects.filter(created_at__gte=moment)
    used = set(came.values_list("pk", flat=True))
    for rows in (VersionEvent, Evaluation, ShadowReport):
        new = rows._default_manager.order_by().filter(created_at__gte=moment)
        used.update(new.values_list("version", flat=True).distinct())
    for measured in (Evaluation, ShadowReport):
        new = measured._default_manager.order_by().filter(created_at__gte=moment)
        used.update(new.exclude(baseline=None).values_list("baseline", flat=True).distinct())
    switches = version_log.switches().filter(created_at__gte=moment).order_by()
    replaced_then = switches.values_list("before__version", flat=True)
    used.update(key for key in replaced_then if key)
    return used & set(ModelVersion.objects.values_list("pk", flat=True))


# ── Former text preparations ──────────────────────────────────────────────────────────────────
def _of_former_preparations(*, dry_run: bool) -> Iterator[Counter[str]]:
    """Of the listings' texts: no release from now on asks for a vector under such a key."""
    newest = Product.objects.aggregate(newest=Max("pk"))["newest"] or 0
    for start in range(0, newest, LISTINGS):
        keys = Product.objects.filter(pk__gt=start, pk__lte=start + LISTINGS)
        texts = set(keys.values_list("text", flat=True))
        analyses = Analysis.objects.filter(product__in=keys, text__gt="").order_by()
        other = analyses.exclude(text=F("product__text"))
        texts.update(other.values_list("text", flat=True).distinct())
        former = [key for text in texts for key in embeddings.former_keys(text)]
        rows = embeddings.cached("text", sorted(former))
        yield Counter({Kind.VECTORS: rows.count() if dry_run else rows.delete()[0]})
