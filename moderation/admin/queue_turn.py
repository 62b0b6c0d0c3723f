"""One request of a moderator to the queue, and the ways to answer it: as a page, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse

from moderation.models import ReviewItem, Skip
from moderation.services.queue import (
    queue_keys,
    review_claims,
    review_queue,
    review_undo,
    second_person,
)

from .person import person
from .queue_desk import DeskAddress
from .queue_item import BY_ITEM, is_in_hand, item_context
from .work_state import work_state

AHEAD = 3


class Turn:
    """Who asks from which desk."""

    def __init__(self, site: AdminSite, request: HttpRequest) -> None:
        self.site, self.request, self.moderator = site, request, person(request)
        self.at = DeskAddress.of(request)

    @property
    def wants_json(self) -> bool:
        """Whether the page's script asks, which takes JSON only."""
        asks = self.request.accepts
        return asks("application/json") and not asks("text/html")

    @property
    def have(self) -> list[int]:
        """The items that the page has; more than it keeps ready it never needs."""
        sent = [int(pk) for pk in self.request.POST.getlist("have") if pk.isdecimal()]
        return sent[: 4 * AHEAD]

    def answer(
        self, message: str = "", *, status: int = 200, show: ReviewItem | None = None
    ) -> HttpResponse:
        """Go on, with a sentence about what was just done; `show` is to be shown at once."""
        if "leaving" in self.request.POST:
            return HttpResponse(status=204)  # nobody is there to be given another one
        desk = self.at.desk(self.moderator)
        if self.wants_json:
            return JsonResponse(self._news(message, show=show), status=status)
        if status == 200:
            messages.success(self.request, message)
            return HttpResponseRedirect(self.at.page)
        item = review_claims.claim_next(self.moderator, desk=desk)
        return self.page(item, message=message, status=status)

    def too_late(self, item: ReviewItem, why: str) -> HttpResponse:
        """Somebody else was faster: go on."""
        return self.answer(late_sentence(item, why), status=409)

    def refuse(self, item: ReviewItem, sentence: str) -> HttpResponse:
        """The form was wrong; the item stays where it is."""
        if self.wants_json:
            return JsonResponse({"message": sentence}, status=400)
        return self.page(item, message=sentence, status=400)

    def page(
        self, item: ReviewItem | None, *, message: str = "", status: int = 200
    ) -> HttpResponse:
        """The queue with this item, or with the state of the work where there is none."""
        keys, keys_on = queue_keys.keys_of(self.moderator)
        context = self._figures() | {
            "error": message,
            "title": "Review queue",
            "keys": keys,
            "keys_on": keys_on,
            "key_list": [
                (action, label, keys[action]) for action, (label, _) in queue_keys.ACTIONS.items()
            ],
            "skip_reasons": Skip.Reason.choices,
        }
        if item is None:
            context |= self._left()
        else:
            context |= item_context(_in_full([item.pk])[0], moderator=self.moderator, keys=keys)
        whole = self.site.each_context(self.request) | context
        return TemplateResponse(self.request, "admin/queue/queue.html", whole, status=status)

    def _news(self, message: str, *, show: ReviewItem | None) -> dict[str, Any]:
        """What the script is told: figures, and the items it lacks in the order to come."""
        items = self._reserved(show)
        keys, _ = queue_keys.keys_of(self.moderator)
        context = self._figures() | {"keys": keys}
        return {
            "message": message,
            "bar": self._html("bar", context),
            "items": [
                {"pk": item.pk, "html": self._item_html(item, keys)}
                for item in self._lacking(items, show=show)
            ],
            "show": show.pk if show else None,
            "empty": "" if items else self._html("empty", context | self._left()),
        }

    def _reserved(self, show: ReviewItem | None) -> list[ReviewItem]:
        """What this moderator holds from now on, the one to be shown first."""
        shown = self.request.POST.get("shown_item", "")
        if shown.isdecimal() and show is None:
            review_claims.show(ReviewItem(pk=int(shown)), moderator=self.moderator)
        desk = self.at.desk(self.moderator)
        items = review_claims.reserve(self.moderator, ahead=AHEAD, desk=desk)
        if show is not None and show.pk not in {item.pk for item in items}:
            items.insert(0, show)  # undone at another desk than it came from
        return items

    def _lacking(self, items: list[ReviewItem], *, show: ReviewItem | None) -> list[ReviewItem]:
        """Those that the page does not have.

        The page before this one may have been left just now and have given them back: they would
        come as items that nobody has in hand. Whoever decides the next one is given them again.
        """
        there = set(self.have)
        lacking = [item.pk for item in items if item.pk not in there or item == show]
        return [
            item
            for item in _in_full(lacking)
            if item == show or is_in_hand(item, moderator=self.moderator)
        ]

    def _item_html(self, item: ReviewItem, keys: dict[str, str]) -> str:
        context = item_context(item, moderator=self.moderator, keys=keys)
        return self._html("item", context | {"query": self.at.query})

    def _html(self, piece: str, context: dict[str, Any]) -> str:
        return render_to_string(f"admin/queue/{piece}.html", context, request=self.request)

    def _left(self) -> dict[str, Any]:
        """For the page where there is no item for this moderator: why, and what works behind it."""
        needs_second = second_person.waiting_besides(self.moderator)
        return {"work": work_state(), "needs_second": needs_second}

    def _figures(self) -> dict[str, Any]:
        is_lead = self.moderator.has_perm(review_claims.RESOLVE)
        return {
            "counts": review_queue.counts(),
            "last": review_undo.last_act(self.moderator),
            "desk_words": self.at.words,
            "escalated": ReviewItem.objects.open().escalated().count() if is_lead else 0,
            "query": self.at.query,
        }


def late_sentence(item: ReviewItem, why: str) -> str:
    """Which item is meant: the page shows another one by now."""
    return f"{item.product.external_id}: {why} Here is the next one."


def _in_full(pks: Iterable[int]) -> list[ReviewItem]:
    """The items with all that their page shows, in this order."""
    pks = list(pks)
    rows = ReviewItem.objects.select_related(*BY_ITEM).in_bulk(pks)
    return [rows[pk] for pk in pks]
