"""Photos in the storage that no row names: replaced ones, and what an import left that died.

A photo that was fetched from its address is nothing else: once it is neither a listing's photo nor
what an analysis judged, nobody names its file.

Only names that clipmod gives are touched. The names that rows have are read once, as 8 bytes each;
what is in none of them is asked for again, in one question, before it goes. That it is taken again
at that very moment `rules.unused` sees to.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

import numpy as np
from django.db.models import Max
from django.utils import timezone

from moderation.models import Analysis, Product, ProductPhoto, ShadowReport

from ..queries.one_parameter import among
from ..queries.streamed import streamed
from ..rules import photos, unused
from .periods import Kind

ROWS = 20_000  # whose names are read in one step
FILES = 500  # that are looked at in one step
_OURS = re.compile(r"products/[0-9a-f]{2}/([0-9a-f]{64}\.[a-z]{2,5}|tmp[a-z0-9_]{8})")
# Where most photos are nobody's, this is another database's folder rather than so much waste.
_MOST_SHARE, _FEWEST = 0.5, 100


class MostlyUnused(Exception):
    """Nothing was removed; `str(error)` says why, and what to do."""

    def __init__(self, number: int, of: int) -> None:
        super().__init__(
            f"{number:,} of {of:,} photos in the storage are in no use, so none was removed: look "
            "whether this is the right media folder for this database. If it is: "
            "`manage.py remove_expired --many-photos`."
        )


def remove(before: datetime, *, dry_run: bool, many: bool = False) -> Iterator[Counter[str]]:
    """Remove those that were stored before then. Raises `MostlyUnused` unless `many` may go."""
    before = min(before, timezone.now() - unused.ON_ITS_WAY)
    newest = Analysis.objects.aggregate(newest=Max("pk"))["newest"] or 0
    shorts = array("Q")
    for names in _named():
        shorts.extend(map(_short, names))
        yield Counter()
    known = np.unique(np.frombuffer(shorts, dtype=np.uint64))
    listed = found = 0
    for chunk in _listed():
        listed += len(chunk)
        old = _old(_unknown(chunk, known, since=newest), before)
        found += len(old)
        yield Counter({Kind.PHOTOS: len(old)} if dry_run else {})
    if not many and found >= _FEWEST and found > _MOST_SHARE * listed:
        raise MostlyUnused(found, listed)
    for chunk in () if dry_run or not found else _listed():
        gone = sum(
            photos.remove_untouched(one, since=before)
            for one in _unknown(chunk, known, since=newest)
        )
        yield Counter({Kind.PHOTOS: gone})


def _listed() -> Iterator[Sequence[str]]:
    """The names that clipmod gave."""
    ours = (name for name in photos.names() if _OURS.fullmatch(name))
    return iter(lambda: list(islice(ours, FILES)), [])


def _named() -> Iterator[Iterable[str]]:
    """The names that rows have, a part at a time."""
    for rows in (Product.objects, ProductPhoto.objects, Analysis.objects):
        newest = rows.aggregate(newest=Max("pk"))["newest"] or 0
        for start in range(0, newest, ROWS):
            part = rows.filter(pk__gt=start, pk__lte=start + ROWS).exclude(image="").order_by()
            yield part.values_list("image", flat=True).distinct()
    yield _in_reports()
    yield from _of_further_photos(since=0)


def _of_further_photos(*, since: int) -> Iterator[list[str]]:
    """The photos after the main one that analyses have, those after a key, a part at a time."""
    rows = Analysis.objects.exclude(photos=None).order_by("pk").values_list("pk", "photos")
    while part := list(rows.filter(pk__gt=since)[:ROWS]):
        since, _ = part[-1]
        yield [one["image"] for _, further in part for one in further or ()]


def _in_reports() -> set[str]:
    """Photos that shadow reports show as examples."""
    examples = ShadowReport.objects.values_list("report__examples", flat=True)
    with streamed(examples) as reports:
        return {
            one["image"]
            for flips in reports
            for listings in (flips or {}).values()
            for one in listings
            if one.get("image")
        }


def _unknown(names: Sequence[str], known: np.ndarray, *, since: int) -> list[str]:
    """Those of these names that no row has: by the short ones first, then by asking.

    `since` is the key of the newest analysis when the short ones were read.
    """
    left = [name for name in names if not _holds(known, _short(name))]
    if not left:
        return []
    wanted = among("image", left)
    # One question, so that a name which moves from one table to the other is found in either.
    used = Product.objects.order_by().filter(wanted).values_list("image")
    used = used.union(
        ProductPhoto.objects.order_by().filter(wanted).values_list("image"),
        Analysis.objects.order_by().filter(wanted).values_list("image"),
    )
    further = _of_further_photos(since=since)
    return sorted(set(left).difference((name for (name,) in used), _in_reports(), *further))


def _old(names: Iterable[str], before: datetime) -> list[str]:
    """Those that were stored before then."""
    old = []
    for name in names:
        try:
            if photos.modified(name) < before:
                old.append(name)
        except FileNotFoundError:
            continue
    return old


def _short(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def _holds(known: np.ndarray, short: int) -> bool:
    place = np.searchsorted(known, np.uint64(short))
    return bool(place < len(known) and known[place] == short)
