"""How photos of the queue look, kept so that copies of them are found without reading files."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence

import numpy as np
from django.db.models import Q

from moderation.clip.data import grouping, similar
from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import open_image
from moderation.models import Analysis, PhotoSignature

from ..queries.one_parameter import among
from ..rules import photos, photos_away
from .embeddings import Known

logger = logging.getLogger(__name__)

Stored = bytes | memoryview

# Of photos that share a band those seen last; real catalogues give some fifty in 20,000.
COMPARED_AT_MOST = 2000
# What stands for a photo that cannot be read: one flat colour, which looks like nothing.
_UNREADABLE = np.zeros(3 * grouping.SIDE**2, dtype=np.uint8)


def signature_of(row: Analysis) -> np.ndarray:
    """The signature [768] uint8 of the photo that was judged, worked out at the first time.

    Where photos are away it is compared by its bytes alone, and nothing is kept of that.
    """
    stored = PhotoSignature.objects.filter(image_sha256=row.image_sha256).first()
    if stored is not None:
        return _unpacked([stored.signature])[0]
    try:
        signature = _read(row)
    except photos_away.PhotosAway:
        return _UNREADABLE
    bands = {f"band_{number}": band for number, band in enumerate(similar.bands(signature))}
    PhotoSignature.objects.bulk_create(
        [PhotoSignature(image_sha256=row.image_sha256, signature=signature.tobytes(), **bands)],
        ignore_conflicts=True,  # another worker may have met the same photo
    )
    return signature


def _read(row: Analysis) -> np.ndarray:
    try:
        data = photos.read(row.image)
        if hashlib.sha256(data).hexdigest() == row.image_sha256:
            return grouping.signature(open_image(data, shortest_edge=grouping.SIDE))
    except (OSError, ImageError):
        photos_away.check_names([row.image])
    logger.warning("The photo of analysis %d is gone: it is compared by its bytes alone", row.pk)
    return _UNREADABLE


def candidates(signature: np.ndarray) -> list[str]:
    """SHA-256 of known photos that look like this one; a few may be missed."""
    shares_a_band = Q()
    for number, values in enumerate(similar.probes(signature)):
        shares_a_band |= Q(**{f"band_{number}__in": values})
    rows = PhotoSignature.objects.filter(shares_a_band).order_by("-pk")
    return _alike(signature, rows.values_list("image_sha256", "signature")[:COMPARED_AT_MOST])


def copies(sha256: str, others: set[str], *, known: Known) -> set[str]:
    """Those of the `others` that are the same photo: by its bytes, or by look and vector.

    A photo whose vector is not in the cache is compared by its bytes alone.
    """
    rows = PhotoSignature.objects.filter(among("image_sha256", sorted(others | {sha256})))
    signatures = dict(rows.values_list("image_sha256", "signature"))
    same = others & {sha256}
    if sha256 not in signatures:
        return same
    own = _unpacked([signatures.pop(sha256)])[0]
    looking_alike = _alike(own, signatures.items())
    vectors = known.find("image", [sha256, *looking_alike]) if looking_alike else {}
    if sha256 not in vectors:
        return same
    return same | {
        sha
        for sha in looking_alike
        if sha in vectors and float(vectors[sha] @ vectors[sha256]) >= similar.COSINE
    }


def _alike(signature: np.ndarray, rows: Iterable[tuple[str, Stored]]) -> list[str]:
    rows = list(rows)
    if not rows:
        return []
    alike = similar.look_alike(signature, _unpacked([stored for _, stored in rows]))
    return [sha for (sha, _), is_alike in zip(rows, alike, strict=True) if is_alike]


def _unpacked(stored: Sequence[Stored]) -> np.ndarray:
    """Signatures [n, 768] uint8 as the database gives them back."""
    return np.frombuffer(b"".join(stored), dtype=np.uint8).reshape(len(stored), -1)
