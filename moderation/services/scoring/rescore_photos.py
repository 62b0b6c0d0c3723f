"""The further photos of listings that are scored from cached vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from moderation.models import FurtherPhoto

from ..encoding import embeddings, further_photos
from ..encoding.embeddings import Known
from .bulk_results import NewAnalysis

if TYPE_CHECKING:
    from .rescore import Case


def look(
    cases: Sequence[Case],
    answers: Sequence[NewAnalysis | None],
    *,
    known: Known,
    threshold: float | None,
) -> Iterator[NewAnalysis | None]:
    """The answers with what is said of further photos; None where a vector for it is not known."""
    with_photos = [
        case for case, answer in zip(cases, answers, strict=True) if case.further and answer
    ]
    seen = _Seen(with_photos if threshold is not None else (), known=known)
    for case, answer in zip(cases, answers, strict=True):
        if answer is None or not case.further:
            yield answer
        elif threshold is None or answer.unreadable:
            yield told(answer, further_photos.stored(case.further))
        elif seen.has_all(case):
            photos = seen.judged(case, threshold=threshold)
            yield told(answer, further_photos.stored(photos))
        else:
            yield None


def told(answer: NewAnalysis, photos: further_photos.Stored | None) -> NewAnalysis:
    """The answer with these photos, as an analysis keeps them."""
    return answer._replace(
        photos=further_photos.as_json(photos), has_misfit=further_photos.misfits(photos)
    )


class _Seen:
    """What the cache knows of the further photos of some listings, and of their texts."""

    def __init__(self, cases: Sequence[Case], *, known: Known) -> None:
        shas = {one.image_sha256 for case in cases for one in case.further}
        self.telling = shas - further_photos.shared(shas)
        self.photos = known.find("image", sorted(self.telling))
        self.texts = known.find("text", sorted({embeddings.text_sha256(c.text) for c in cases}))

    def has_all(self, case: Case) -> bool:
        return not any(
            one.image_sha256 in self.telling and one.image_sha256 not in self.photos
            for one in case.further
        )

    def judged(self, case: Case, *, threshold: float) -> list[FurtherPhoto]:
        text = self.texts[embeddings.text_sha256(case.text)]
        return further_photos.judged(case.further, text, self.photos, threshold=threshold)
