"""Whether photos cannot be read because of where they lie, which is no fault of theirs.

A photo that is not there, alone, was deleted. Where those that were read a while ago are not there
either, a drive is not mounted; then all that needs photos waits, says so, and goes on by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from moderation.clip.errors import ClipError, ImageError, Unread
from moderation.models import Analysis, Product

from . import photos

BEGINNING = "The photos cannot be read"
_ASKED = 8


class PhotosAway(ClipError):
    """No photo can be read now; `str(error)` says why, and can be shown to anybody."""


@contextmanager
def asking() -> Iterator[None]:
    """Around what asks an object store for several photos: raises `PhotosAway` where it fails."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if photos.local(""):
            raise
        raise _away(error.strerror or str(error)) from error


def check_store() -> None:
    """Before what cannot be undone: raises `PhotosAway` where an object store does not answer."""
    if not photos.local(""):
        with asking():
            next(photos.names(), None)


def check(unusable: Sequence[tuple[Any, ImageError]], *, read: Sequence[Any] = ()) -> None:
    """Judge (source, error) of photos that cannot be used, beside sources that were `read`.

    Raises `PhotosAway` where it is the storage that fails. Files of somebody's own are passed over.
    """
    unread = {
        source: error
        for source, error in unusable
        if photos.is_stored(source) and error.code in ("missing", "unreadable")
    }
    faults = [error for error in unread.values() if isinstance(error, Unread)]
    if not unread or (len(faults) < 2 and not _all_away(unread, read=read)):
        return
    why = str(faults[0]).rstrip(".") if faults else "none that was asked for is there"
    raise _away(why)


def check_names(names: Iterable[str]) -> None:
    """The same of photos by their names: those that the storage does not give now."""
    sources = [photos.source(name) for name in names]
    check([(source, bad) for source in sources if (bad := photos.trouble(source))])


def _away(why: str) -> PhotosAway:
    return PhotosAway(
        f"{BEGINNING}: {why}. See that the media folder is mounted, or that the object store "
        "answers; all goes on by itself then."
    )


def _all_away(unread: Collection[photos.Source], *, read: Sequence[Any]) -> bool:
    """Whether no photo can be read that surely was there; where none is known, more than one."""
    known = [source for source in read[-1:] if photos.is_stored(source)]
    known += [source for source in _read_before() if source not in unread]
    if known:
        return all(photos.trouble(source) for source in known)
    return len(unread) > 1


def _read_before() -> list[photos.Source]:
    """Photos of the products that were analysed last."""
    analysed = Product.objects.filter(analysis__status=Analysis.Status.DONE)
    names = analysed.exclude(image="").order_by("-analysis_id").values_list("image", flat=True)
    return [photos.source(name) for name in names[:_ASKED]]
