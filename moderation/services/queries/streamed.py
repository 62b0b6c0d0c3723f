"""Rows a few at a time, of which nothing stays open behind whoever reads them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, cast

from django.db.models import QuerySet


@contextmanager
def streamed(rows: QuerySet[Any, Any], *, at_once: int = 2000) -> Iterator[Iterator[Any]]:
    """What `rows.iterator()` gives; the database's cursor is closed at the end of the block.

    On PostgreSQL a loop that raises leaves a bare one open. When the garbage collector comes upon
    it, Django closes the cursor in whatever transaction is running then; if the cursor belonged to
    another, that is an error, and aborts work that has nothing to do with it.
    """
    generator = cast(Generator[Any], rows.iterator(chunk_size=at_once))
    with closing(generator) as found:
        yield found
