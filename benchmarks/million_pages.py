"""The pages that `million` requests, with addresses that ask something of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from moderation.models import Analysis, Category, ModelVersion, Product, ReviewItem, SavedView


def pages() -> dict[str, str]:
    """Every page with an address that asks something of it, by name."""
    examples = _Examples.find()
    return {
        "start page": "/admin/",
        **_queue_pages(examples),
        **_row_and_figure_pages(examples),
        **_list_pages(examples),
    }


@dataclass(frozen=True)
class _Examples:
    """Keys of the rows whose pages are requested."""

    category: int
    previous: int
    active: int
    product: int
    item: int
    analysis: int

    @classmethod
    def find(cls) -> _Examples:
        previous = ModelVersion.objects.get(name="previous").pk
        middle = Product.objects.order_by("pk").values_list("pk", flat=True)[500_000:][:1]
        return cls(
            category=Category.objects.order_by("pk")[3].pk,
            previous=previous,
            active=ModelVersion.objects.get(status="active").pk,
            product=next(iter(middle), Product.objects.latest("pk").pk),
            item=ReviewItem.objects.open().in_the_open().most_suspicious_first()[100].pk,
            analysis=Analysis.objects.filter(model_version=previous).latest("pk").pk,
        )


def _queue_pages(of: _Examples) -> dict[str, str]:
    return {
        "queue": "/admin/queue/",
        "queue in a category": f"/admin/queue/?category={of.category}",
        "queue of a large seller": "/admin/queue/?seller=large-7",
        "queue of a small seller": "/admin/queue/?seller=small-777",
        "queue of nobody": "/admin/queue/?seller=nobody",
        "queue reopened": "/admin/queue/?reason=reopened",
        "queue skipped": "/admin/queue/?reason=skipped",
        "queue review band": "/admin/queue/?band=review",
        "queue clear band": "/admin/queue/?band=clear",
        "queue of the previous version": f"/admin/queue/?version={of.previous}",
        "queue older than 9 days": "/admin/queue/?older=9d",
        "queue ahead": "/admin/queue/ahead/",
        "queue item": f"/admin/queue/{of.item}/",
    }


def _row_and_figure_pages(of: _Examples) -> dict[str, str]:
    return {
        "product": f"/admin/moderation/product/{of.product}/change/",
        "analysis": f"/admin/moderation/analysis/{of.analysis}/change/",
        "review item": f"/admin/moderation/reviewitem/{of.item}/change/",
        "quality": "/admin/quality/",
        "thresholds": "/admin/thresholds/",
        "thresholds of the previous version": f"/admin/thresholds/{of.previous}/",
        "health": "/admin/health/",
        "team today": "/admin/team/?days=1",
        "team 7 days": "/admin/team/?days=7",
        "team 30 days": "/admin/team/?days=30",
        "sellers": "/admin/sellers/",
        "sellers search large": "/admin/sellers/?q=large-",
        "sellers search small": "/admin/sellers/?q=small-1",
        "seller large": "/admin/sellers/large-7/",
        "seller small": "/admin/sellers/small-777/",
        "views": "/admin/views/",
        "workers": "/admin/workers/",
        "metrics": "/metrics",
    }


def _list_pages(of: _Examples) -> dict[str, str]:
    lists = {
        "product": _product_lists(of),
        "analysis": _analysis_lists(of),
        "reviewitem": _item_lists(of),
        "decision": _decision_lists(),
    }
    return {
        f"lists: {name} {what}".strip(): f"/admin/moderation/{name}/?{query}"
        for name, queries in lists.items()
        for what, query in queries.items()
    }


def _product_lists(of: _Examples) -> dict[str, str]:
    return {
        "": "",
        "deep": f"before={of.product}",
        "older": f"after={of.product}",
        "flagged": "flagged=yes",
        "passed": "flagged=no",
        "waiting": "status=waiting",
        "failed": "status=failed",
        "not analysed": "status=none",
        "source api": "source__exact=api",
        "source demo": "source__exact=demo",
        "category": f"category__id__exact={of.category}",
        "category and flagged": f"category__id__exact={of.category}&flagged=yes",
        "version": f"analysis__model_version__id__exact={of.active}",
        "previous version": f"analysis__model_version__id__exact={of.previous}",
        "search id": "q=P0500000",
        "search ids": "q=P05",
        "search large seller": "q=large-7",
        "search small seller": "q=small-777",
        "search words": "q=wool+shirt",
        "search nothing": "q=zzzzzz",
    }


def _analysis_lists(of: _Examples) -> dict[str, str]:
    return {
        "": "",
        "older": "after=650000",
        "flagged": "is_mismatch__exact=1",
        "failed": "status__exact=failed",
        "version": f"model_version__id__exact={of.active}",
        "previous version": f"model_version__id__exact={of.previous}",
        "search id": "q=P0500000",
        "search words": "q=wool+shirt",
        "search nothing": "q=zzzzzz",
    }


def _item_lists(of: _Examples) -> dict[str, str]:
    return {
        "": "",
        "older": "after=150000",
        "open": "state__exact=open",
        "withdrawn": "state__exact=withdrawn",
        "category": f"product__category__id__exact={of.category}",
        "open in category": f"state__exact=open&product__category__id__exact={of.category}",
        "search id": "q=P0500000",
        "search large seller": "q=large-7",
        "search words": "q=wool+shirt",
        "search nothing": "q=zzzzzz",
    }


def _decision_lists() -> dict[str, str]:
    return {
        "": "",
        "older": "after=150000",
        "undone": "verdict__exact=undo",
        "reason": "reason__exact=other_colour",
        "no such reason": "reason__exact=unusable_photo",
        "moderator": "moderator__id__exact=3",
        "search id": "q=P0500000",
        "search words": "q=wool+shirt",
        "search nothing": "q=zzzzzz",
    }


def save_views(lead: User) -> None:
    """Two dozen views, of all kinds."""
    queries = [f"category={pk}" for pk in Category.objects.values_list("pk", flat=True)[:10]]
    queries += [f"seller=large-{number}" for number in range(6)]
    queries += ["seller=small-777", "seller=nobody", "older=9d", "older=99d", "band=review"]
    queries += ["reason=reopened", "reason=skipped", "reason=flagged"]
    for query in queries:
        SavedView.objects.get_or_create(
            owner=lead, name=f"View of {query}", defaults={"query": query, "is_shared": True}
        )
