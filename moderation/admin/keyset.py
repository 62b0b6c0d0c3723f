"""Lists of large tables: pages by key, no counts, and a search that looks only where it may.

A page is the rows with keys below (or above) one, newest first, so the thousandth page takes as
long as the first. Nothing is counted, so nothing says how many pages there are, and an action
holds for rows of one page. Rows come by key alone: to sort a million rows otherwise, or to find a
word anywhere in them, takes seconds. A filter whose rows are so rare that a page of them is not
found at once looks through the table bit by bit, with a link to continue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import Combinable
from django.http import HttpRequest

from moderation.models import Product
from moderation.services.queries.in_time import in_time

from . import words
from .lists import LargeTableAdmin

AFTER, BEFORE = "after", "before"
# A page that the database does not find in this time is looked for in so many rows only.
PATIENCE = timedelta(milliseconds=100)
LOOKED_THROUGH = 20_000
# Words are looked for in so many of the newest rows, and a beginning of an id gives so many.
SEARCHED = 10_000
MOST_IDS = 1_000
_LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True)
class Page:
    """Rows, whether they are the first of the list, and the key below which it continues.

    `is_partial`: there may be others of this page's filters further down.
    """

    rows: list[Any]
    is_first: bool
    down_to: int | None
    is_partial: bool = False


class KeysetChangeList(ChangeList):
    """The rows below `after` or above `before`, the newest first."""

    is_keyset = True  # for the template of the pages, which other lists use too
    newer: str = ""  # addresses of the pages around this one, where there are any
    older: str = ""
    newest: str = ""
    is_partial = False
    looked_through = LOOKED_THROUGH

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet:
        for name in (AFTER, BEFORE):  # no filters; nor does a link to another filter keep them
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str | Combinable]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        page = self._page(after=_key(request, AFTER), before=_key(request, BEFORE))
        self.newest = "" if page.is_first else self.get_query_string()
        if page.rows and not page.is_first:
            self.newer = self.get_query_string({BEFORE: page.rows[0].pk})
        if page.down_to is not None:
            self.older = self.get_query_string({AFTER: page.down_to})
        self.is_partial = page.is_partial
        self.result_list = page.rows
        # As if there were no others: so the stock templates tell no number and offer no “all”.
        self.result_count = self.full_result_count = len(page.rows)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)

    def _page(self, *, after: int | None, before: int | None) -> Page:
        size = self.list_per_page
        if before is not None:
            above = self.queryset.filter(pk__gt=before).order_by("pk")
            found = in_time(above[: size + 1], PATIENCE)
            if found is None:
                found = list(above.filter(pk__lte=before + LOOKED_THROUGH)[: size + 1])
            if len(found) > size:
                rows = found[:size][::-1]
                return Page(rows, is_first=False, down_to=rows[-1].pk)
            after = None  # fewer than a page: the newest, filled up with those below
        below = self.queryset if after is None else self.queryset.filter(pk__lt=after)
        found = in_time(below[: size + 1], PATIENCE)
        if found is not None:
            last = found[size - 1].pk if len(found) > size else None
            return Page(found[:size], is_first=after is None, down_to=last)
        return self._part(below, after=after)

    def _part(self, below: QuerySet, *, after: int | None) -> Page:
        """What a few of the rows below hold, where to find a page would take too long."""
        size = self.list_per_page
        top = after or 1 + _newest_key(self.model)
        floor = max(top - 1 - LOOKED_THROUGH, 0)
        found = list(below.filter(pk__gt=floor)[: size + 1])
        if len(found) > size:
            return Page(found[:size], is_first=after is None, down_to=found[size - 1].pk)
        down_to = floor + 1 if floor else None
        return Page(found, is_first=after is None, down_to=down_to, is_partial=down_to is not None)


def _newest_key(model: type[Model]) -> int:
    newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def _key(request: HttpRequest, name: str) -> int | None:
    value = request.GET.get(name, "")
    if not (value.isascii() and value.isdigit()) or int(value[:19]) > _LARGEST_KEY:
        return None
    return int(value[:19])


class KeysetAdmin(LargeTableAdmin):
    """For tables of a million rows.

    Searched are products, by the beginning of their id and by seller, else by words in the texts of
    the newest; and the rows that belong to them. Where there is no such product, the words are
    looked for in `search_words`, columns of their own, of the newest rows.
    """

    sortable_by = ()
    product_path = ""  # from these rows to their product, such as "item__product__"
    search_words: tuple[str, ...] = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if term := search_term.strip():
            named = self._named(term)
            queryset = self._with_words(queryset, term) if named is None else queryset.filter(named)
        return queryset, False

    def _named(self, term: str) -> Q | None:
        """Rows of the products with such an id, or of such a seller; None where there are none."""
        path = self.product_path
        ids = Product.objects.filter(external_id__startswith=term).order_by()
        found = list(ids.values_list("pk", flat=True)[:MOST_IDS])
        by_id = Q(**{f"{path}pk__in": found}) if found else None
        if not Product.objects.filter(seller=term).exists():
            return by_id
        by_seller = Q(**{f"{path}seller": term})
        return by_seller if by_id is None else by_id | by_seller

    def _with_words(self, queryset: QuerySet, term: str) -> QuerySet:
        path = self.product_path
        if path and (found := _newest_with(term, Product, among=("text",))):
            return queryset.filter(**{f"{path}pk__in": found})
        if not self.search_words:
            return queryset.none()
        return queryset.filter(pk__in=_newest_with(term, self.model, among=self.search_words))


def _newest_with(term: str, model: type[Model], *, among: tuple[str, ...]) -> list[int]:
    """Keys of the newest rows, `MOST_IDS` at most, that hold the words of the term."""
    newest = model._default_manager.filter(pk__gt=_newest_key(model) - SEARCHED)
    return list(islice(words.rows_with(term, newest.order_by("-pk"), among=among), MOST_IDS))
