"""Words looked for in what people wrote, whatever its case and signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from moderation.clip.folding import folded

_MOST_WORDS = 8


def rows_with(term: str, rows: QuerySet, *, among: Sequence[str]) -> Iterator[int]:
    """Keys of the rows with all words of the term in one of the columns `among`.

    Every row is read: no database compares as `folded` does, nor two of them alike beyond ASCII,
    and for the few thousand rows that a search looks through, a column more is not worth it.
    """
    words = folded(term).split()[:_MOST_WORDS]
    for pk, *texts in rows.values_list("pk", *among):
        forms = (folded(text or "") for text in texts)
        if words and any(all(word in form for word in words) for form in forms):
            yield pk
