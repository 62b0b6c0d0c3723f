"""Open items that are copies of each other, so that one verdict may close them together.

Each item that is judged in the open gets a group, if only of itself, from the worker once its
analysis is written. It joins one whose every member is alike (`clip.data.similar`: same photo, same
title), so that a verdict on any member may hold for any other. Members that were decided still
count, since an undo may bring them back. What is judged blind or waits for a lead belongs to no
group, and `preview` skips what became so later.

A photo or text that changes makes a new item (`review_queue`), which is placed again.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import connection, transaction

from moderation.clip.data import similar
from moderation.models import Analysis, ReviewItem, SimilarGroup
from moderation.models.querysets import ReviewItemQuerySet

from ..encoding import similar_photos
from ..encoding.embeddings import Known
from ..queries.one_parameter import among
from ..registry import versions
from ..rules import sampling
from ..worker.patience import GONE, in_a_line

logger = logging.getLogger(__name__)

MEMBERS_AT_MOST = 24
# Of open items with a copy of the photo, the newest: a shop may have thousands "without a photo".
CANDIDATES_AT_MOST = 500
_LOCK = 0x51A11A8  # any number that nothing else locks


def preview(item: ReviewItem, *, moderator: User) -> list[ReviewItem]:
    """The other items of the group that this moderator may decide now together with this one."""
    if item.group_id is None or item.is_blind or item.escalated_at is not None:
        return []
    free_or_mine = ReviewItem.objects.free_for(moderator)
    others = free_or_mine.judged_openly().filter(group=item.group_id).exclude(pk=item.pk)
    found = others.not_skipped_by(moderator).select_related("product__category", "analysis")
    return list(found.order_by("-suspicion", "id")[: MEMBERS_AT_MOST - 1])


def assign(analyses: Sequence[Analysis]) -> None:
    """Place the items that these analyses opened. Never raises: what is left, the sweep places."""
    try:
        _place(_ungrouped().filter(analysis__in=analyses).order_by("pk"))
    except GONE as error:
        logger.warning("Similar items wait for the database: %s", in_a_line(error))
    except Exception:
        # The answers are written; whatever went wrong here must not make them look failed.
        logger.exception("Similar items of %d analyses were not looked for", len(analyses))


def assign_pending(*, limit: int, seconds: float) -> int:
    """Place open items that have no group yet, for about `seconds`; returns how many."""
    return _place(_ungrouped().order_by("pk")[:limit], deadline=time.monotonic() + seconds)


def _ungrouped() -> ReviewItemQuerySet:
    by_main_photo = ReviewItem.objects.open().judged_openly().exclude(stratum=sampling.PHOTO)
    return by_main_photo.filter(group=None).select_related("analysis")


def _place(items: ReviewItemQuerySet, *, deadline: float | None = None) -> int:
    found = list(items)
    if not found:
        return 0
    known = Known.of(versions.current())
    for done, item in enumerate(found):
        if deadline is not None and time.monotonic() > deadline:
            return done
        _place_one(item, known=known)
    return len(found)


def _place_one(item: ReviewItem, *, known: Known) -> None:
    signature = similar_photos.signature_of(item.analysis)
    with transaction.atomic():
        _one_at_a_time()
        waiting = ReviewItem.objects.open().filter(pk=item.pk, group=None)
        if not waiting.exists():
            return
        copies = [item.analysis.image_sha256, *similar_photos.candidates(signature)]
        group = _fitting(item, photos=copies, known=known)
        waiting.update(group=group or SimilarGroup.objects.create().pk)


def _one_at_a_time() -> None:
    """Until the end of the transaction nobody else places an item.

    SQLite has one writer anyway. Else two workers could put two items that are not alike into one
    group, or two that are into two. The lock comes first and one item's row is all that is written
    under it, so that nobody who waits for it holds what its owner wants.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _fitting(item: ReviewItem, *, photos: list[str], known: Known) -> int | None:
    """The fullest group with room in which every member is alike this item."""
    own_photo, own_title = item.analysis.image_sha256, similar.title(item.analysis.text)
    showing = ReviewItem.objects.open().filter(
        among("product__image_sha256", sorted(set(photos))), group__isnull=False
    )
    near = showing.order_by("-pk").values_list("group", "analysis__text")[:CANDIDATES_AT_MOST]
    groups = {group for group, text in near if similar.title(text) == own_title}
    members = _photos_by_group(groups, title=own_title)
    if not members:
        return None
    others = {photo for group in members.values() for photo in group} - {""}
    alike = similar_photos.copies(own_photo, others, known=known)
    fitting = [
        (len(photos), -group)
        for group, photos in members.items()
        if len(photos) < MEMBERS_AT_MOST and alike.issuperset(photos)
    ]
    return -max(fitting)[1] if fitting else None


def _photos_by_group(groups: set[int], *, title: str) -> dict[int, list[str]]:
    """The hashes of the members' photos, empty for a member with another title."""
    members: dict[int, list[str]] = defaultdict(list)
    for group, text, photo in ReviewItem.objects.filter(group__in=groups).values_list(
        "group_id", "analysis__text", "analysis__image_sha256"
    ):
        members[group].append(photo if similar.title(text) == title else "")
    return members
