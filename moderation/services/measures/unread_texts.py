"""How many of the catalogue's texts the version that answers cannot read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db.models import Count

from moderation.models import Analysis, ModelVersion, Product

from ..queries import cache
from ..rules.reading import Unread

_Counts = tuple[int, dict[str, int]]


def unread_texts(version: ModelVersion) -> Unread:
    """Of the products that it has answered; of many as they were a while ago."""
    texts, by_code = cache.value("unread", *_question(version))
    return Unread(version, texts, Counter(by_code))


def prepare_unread_texts(version: ModelVersion) -> None:
    """In the worker: so that no page waits for the count."""
    cache.prepare("unread", *_question(version))


def _question(version: ModelVersion) -> tuple[Any, Callable[[], _Counts]]:
    return [version.pk, version.languages], lambda: _find(version)


def _find(version: ModelVersion) -> _Counts:
    """All texts that it has answered, and those that it cannot read, by the code of why.

    The former take long to count and are asked for only where there are some of the latter.
    """
    answered = Product.objects.present().filter(analysis__model_version=version).order_by()
    unread = answered.filter(analysis__unreadable__gt="").values_list("analysis__unreadable")
    by_code = dict(unread.annotate(products=Count("pk")))
    done = answered.filter(analysis__status=Analysis.Status.DONE)
    return (done.count() if by_code else 0), by_code
