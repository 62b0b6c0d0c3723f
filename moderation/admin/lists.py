"""What the lists of the admin have in common: cheap counts, and rows that are only looked at."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

COUNTED_AT_MOST = 10_000


class CappedPaginator(Paginator):
    """Pages through the first 10,000 rows only, so that no list counts a whole large table.

    What lies further down is reached by a filter or the search, which count again from the top.
    """

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)  # the admin pages through querysets only
        return rows.order_by()[:COUNTED_AT_MOST].count()


class OfferedLookups(admin.ModelAdmin):
    """A list is narrowed by what its page offers, and by nothing else that an address names.

    Django lets it name any column and any comparison. So a list of webhooks told a secret letter by
    letter, a list of items was narrowed to the blind ones that the model flagged, and one pattern
    for a regular expression held SQLite, and with it all requests, for as long as it liked. The
    site lays this over every page (`ClipmodAdminSite.register`), those of other packages too.
    """

    links_by: tuple[str, ...] = ()  # conditions of links from other pages that no filter offers

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the list's own filters and the links to it ask for."""
        allowed = {*self.links_by}
        for one in self.list_filter:
            if isinstance(one, str):
                endings = ("", "__exact", "__id__exact", "__isnull")
                allowed.update(f"{one}{ending}" for ending in endings)
            else:
                allowed.add(getattr(one, "parameter_name", ""))
        return lookup in allowed


class LargeTableAdmin(OfferedLookups):
    """For tables that grow with the catalogue: no full counts, no counts per filter."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50


class ReadOnlyAdmin(LargeTableAdmin):
    """To look at: nobody adds, changes or deletes, not even a superuser."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def shown(self, request: HttpRequest, row: Any) -> dict[str, Any] | HttpResponse:
        """What the page of a row shows beside its fields, or a whole page of its own."""
        return {}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method == "POST":
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            return super().change_view(request, object_id, form_url, extra_context)  # says so
        shown = self.shown(request, row)
        if isinstance(shown, HttpResponse):
            return shown
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))
