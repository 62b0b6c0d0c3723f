"""The pages on sellers: who has most mismatches recently, and one seller at a glance."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from moderation.services.estimates.words import words
from moderation.services.measures import seller_panel

_LONGEST = 100


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of both; they need the right to see products."""
    may_look = permission_required("moderation.view_product", raise_exception=True)

    def sellers(request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("q", "").replace("\0", "").strip()[:_LONGEST]
        found = seller_panel.sellers_starting_with(asked) if asked else []
        if len(found) == 1:
            return HttpResponseRedirect(reverse("admin:seller", args=found))
        context = {
            "title": "Sellers",
            "asked": asked,
            "found": found,
            "has_more": len(found) == seller_panel.FOUND,
            "top": [] if asked else seller_panel.top_sellers(),
            "days": seller_panel.TOP_SINCE.days,
        }
        return TemplateResponse(
            request, "admin/sellers/list.html", site.each_context(request) | context
        )

    def seller(request: HttpRequest, seller: str) -> HttpResponse:
        panel = None if "\0" in seller else seller_panel.seller_panel(seller)
        if panel is None:
            raise Http404("No product is of this seller.")
        context = {
            "title": panel.seller,
            "panel": panel,
            "share": words(panel.confirmed_share),
        }
        return TemplateResponse(
            request, "admin/sellers/seller.html", site.each_context(request) | context
        )

    return [
        path("sellers/", site.admin_view(may_look(require_GET(sellers))), name="sellers"),
        path(
            "sellers/<path:seller>/",
            site.admin_view(may_look(require_GET(seller))),
            name="seller",
        ),
    ]
