"""The views of the moderation queue.

Each works as a plain form (redirect after post). Asked for JSON, it answers with the items that
the page does not have yet, as pieces of HTML: the page's script keeps the next three ready, shows
the next one at once and sends the decision behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from moderation.models import ReviewItem, Skip
from moderation.services.queue import queue_keys, review, review_claims, review_queue, review_undo

from . import queue_desk
from .decision_form import CONFIRM, DecisionForm
from .queue_desk import wants_json
from .queue_item import BY_ITEM, item_context
from .work_state import work_state

View = Callable[..., HttpResponse]

AHEAD = 3


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of the queue; each asks for a login and the right to decide."""
    may_decide = permission_required("moderation.add_decision", raise_exception=True)

    def guarded(view: View) -> View:
        return site.admin_view(may_decide(view))

    pages = QueuePages(site)
    return [
        path("queue/", guarded(require_GET(pages.next)), name="queue"),
        path("queue/<int:pk>/", guarded(require_GET(pages.item)), name="queue_item"),
        path("queue/<int:pk>/decide/", guarded(require_POST(pages.decide)), name="queue_decide"),
        path("queue/<int:pk>/skip/", guarded(require_POST(pages.skip)), name="queue_skip"),
        path(
            "queue/<int:pk>/escalate/", guarded(require_POST(pages.escalate)), name="queue_escalate"
        ),
        path("queue/<int:pk>/hold/", guarded(require_POST(pages.hold)), name="queue_hold"),
        path("queue/ahead/", guarded(require_POST(pages.ahead)), name="queue_ahead"),
        path("queue/undo/", guarded(require_POST(pages.undo)), name="queue_undo"),
        path("queue/leave/", guarded(require_POST(pages.leave)), name="queue_leave"),
        path("queue/keys/", guarded(require_POST(pages.keys)), name="queue_keys"),
    ]


class QueuePages:
    """The queue within one admin site."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def next(self, request: HttpRequest) -> HttpResponse:
        """The next item for this moderator, claimed for them."""
        desk, moderator = queue_desk.desk(request), _moderator(request)
        review_claims.release(moderator, but_of=desk)
        item = review_claims.claim_next(moderator, desk=desk)
        return self._page(request, item, message=queue_desk.problem(request))

    def item(self, request: HttpRequest, pk: int) -> HttpResponse:
        """This very item: to decide where it is free, else to look at."""
        moderator = _moderator(request)
        item = get_object_or_404(ReviewItem, pk=pk)
        if item.state == review.OPEN and not review_claims.renew(item, moderator=moderator):
            review_claims.release(moderator)  # one item in hand at a time
        if item.state == review.OPEN:
            review_claims.claim(item, moderator=moderator)
        return self._page(request, item)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm or dismiss; 400 with a sentence for a bad form, 409 where it came too late."""
        item = get_object_or_404(ReviewItem, pk=pk)
        form = DecisionForm(request.POST, item=item)
        if not form.is_valid():
            return self._refuse(request, item, form.sentence())
        wanted = form.decision()
        try:
            decision = review.decide(item, moderator=_moderator(request), **wanted)
        except review.AlreadyDecided as late:
            return self._answer(request, _too_late(item, str(late)), status=409)
        except review.ReviewError as error:
            return self._refuse(request, item, str(error))
        verdict = "Mismatch" if decision.verdict == CONFIRM else "Let pass"
        message = f"{verdict}: {decision.get_reason_display().lower()}."
        if wanted["also"]:
            followed = decision.propagated.count()
            message += f" {followed} of {len(wanted['also'])} similar items followed."
        return self._answer(request, message)

    def skip(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Pass the item on to somebody else; what three people skipped, a lead decides."""
        item = get_object_or_404(ReviewItem, pk=pk)
        reason = request.POST.get("skip_reason") or "cannot_tell"
        try:
            to_leads = review.skip(item, moderator=_moderator(request), reason=reason)
        except review.ReviewError as error:
            return self._refuse(request, item, str(error))
        who = "Three people skipped it: a lead decides." if to_leads else "Somebody else looks."
        return self._answer(request, f"Skipped. {who}")

    def escalate(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask a lead."""
        item = get_object_or_404(ReviewItem, pk=pk)
        note = request.POST.get("note", "").strip()
        try:
            review.escalate(item, moderator=_moderator(request), note=note)
        except review.AlreadyDecided as late:
            return self._answer(request, _too_late(item, str(late)), status=409)
        except review.ReviewError as error:
            return self._refuse(request, item, str(error))
        return self._answer(request, "Escalated. A lead decides it.")

    def undo(self, request: HttpRequest) -> HttpResponse:
        """Take back what this moderator did last and show its item again."""
        meant = request.POST.get("item", "")
        item_pk = int(meant) if meant.isdecimal() else None
        try:
            item = review_undo.undo(moderator=_moderator(request), item=item_pk)
        except review.ReviewError as error:
            return self._answer(request, str(error), status=409)
        name = item.product.external_id
        return self._answer(request, f"Undone: {name}. Please decide it again.", show=item)

    def hold(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The heartbeat of an open page: keeps the claims, or takes anew what they lost."""
        item, moderator = get_object_or_404(ReviewItem, pk=pk), _moderator(request)
        review_claims.renew_all(moderator)
        if review_claims.keep(item, moderator=moderator):
            review_claims.show(item, moderator=moderator)
            for follower in ReviewItem.objects.filter(pk__in=self._have(request)):
                review_claims.keep(follower, moderator=moderator)
            return HttpResponse(status=204)
        why = review_claims.refusal(item, moderator=moderator) or review.who_was_faster(
            item, asking=moderator
        )
        return JsonResponse({"message": _too_late(item, why)}, status=409)

    def ahead(self, request: HttpRequest) -> HttpResponse:
        """The items that the page shall have ready, but for those it has."""
        return self._answer(request)

    def leave(self, request: HttpRequest) -> HttpResponse:
        """The page was closed: what it held is free for others."""
        review_claims.release(_moderator(request))
        return HttpResponse(status=204)

    def keys(self, request: HttpRequest) -> HttpResponse:
        """Keep this moderator's own keys."""
        chosen = {
            action: request.POST[f"key {action}"]
            for action in queue_keys.ACTIONS
            if f"key {action}" in request.POST
        }
        if "usual" in request.POST:
            chosen = {}
        try:
            on = "keys_on" in request.POST or "usual" in request.POST
            queue_keys.save(_moderator(request), keys=chosen, on=on)
        except queue_keys.KeysError as problem:
            messages.error(request, str(problem))
        else:
            messages.success(request, "Your keys are saved.")
        return HttpResponseRedirect(queue_desk.address(request))

    # ── Answers ───────────────────────────────────────────────────────────────────────────────
    def _answer(
        self,
        request: HttpRequest,
        message: str = "",
        status: int = 200,
        *,
        show: ReviewItem | None = None,
    ) -> HttpResponse:
        """Go on, with a sentence about what was just done; `show` is to be shown at once."""
        if "leaving" in request.POST:
            return HttpResponse(status=204)  # nobody is there to be given another one
        desk, moderator = queue_desk.desk(request), _moderator(request)
        if wants_json(request):
            return JsonResponse(self._news(request, message, show=show), status=status)
        if status == 200:
            messages.success(request, message)
            return HttpResponseRedirect(queue_desk.address(request))
        item = review_claims.claim_next(moderator, desk=desk)
        return self._page(request, item, message=message, status=status)

    def _news(
        self, request: HttpRequest, message: str, *, show: ReviewItem | None
    ) -> dict[str, Any]:
        """What the script is told: figures, and the items it lacks in the order to come."""
        desk, moderator = queue_desk.desk(request), _moderator(request)
        shown = request.POST.get("shown_item", "")
        if shown.isdecimal() and show is None:
            review_claims.show(ReviewItem(pk=int(shown)), moderator=moderator)
        there = set(self._have(request))
        items = review_claims.reserve(moderator, ahead=AHEAD, desk=desk)
        if show is not None and show.pk not in {item.pk for item in items}:
            items.insert(0, show)  # undone at another desk than it came from
        lacking = [item.pk for item in items if item.pk not in there or item == show]
        keys, _ = queue_keys.keys_of(moderator)
        context = self._figures(request) | {"keys": keys}
        return {
            "message": message,
            "bar": render_to_string("admin/queue/bar.html", context, request=request),
            "items": [
                {"pk": pk, "html": self._item_html(request, item, keys)}
                for pk, item in zip(lacking, _in_full(lacking), strict=True)
            ],
            "show": show.pk if show else None,
            "empty": ""
            if items
            else render_to_string(
                "admin/queue/empty.html", context | {"work": work_state()}, request=request
            ),
        }

    @staticmethod
    def _have(request: HttpRequest) -> list[int]:
        """The items that the page has; more than it keeps ready it never needs."""
        sent = [int(pk) for pk in request.POST.getlist("have") if pk.isdecimal()]
        return sent[: 4 * AHEAD]

    def _item_html(self, request: HttpRequest, item: ReviewItem, keys: dict[str, str]) -> str:
        context = item_context(item, moderator=_moderator(request), keys=keys)
        context["query"] = queue_desk.query(request)
        return render_to_string("admin/queue/item.html", context, request=request)

    def _refuse(self, request: HttpRequest, item: ReviewItem, sentence: str) -> HttpResponse:
        """The form was wrong; the item stays where it is."""
        if wants_json(request):
            return JsonResponse({"message": sentence}, status=400)
        return self._page(request, item, message=sentence, status=400)

    def _page(
        self, request: HttpRequest, item: ReviewItem | None, *, message: str = "", status: int = 200
    ) -> HttpResponse:
        moderator = _moderator(request)
        keys, keys_on = queue_keys.keys_of(moderator)
        context: dict[str, Any] = self._figures(request) | {
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
            context["work"] = work_state()
        else:
            context |= item_context(_in_full([item.pk])[0], moderator=moderator, keys=keys)
        return TemplateResponse(
            request,
            "admin/queue/queue.html",
            self.site.each_context(request) | context,
            status=status,
        )

    def _figures(self, request: HttpRequest) -> dict[str, Any]:
        moderator = _moderator(request)
        return {
            "counts": review_queue.counts(),
            "last": review_undo.last_act(moderator),
            "desk_words": queue_desk.words(request),
            "escalated": ReviewItem.objects.open().escalated().count()
            if moderator.has_perm(review_claims.RESOLVE)
            else 0,
            "query": queue_desk.query(request),
        }


def _too_late(item: ReviewItem, why: str) -> str:
    """Which item is meant: the page shows another one by now."""
    return f"{item.product.external_id}: {why} Here is the next one."


def _in_full(pks: Iterable[int]) -> list[ReviewItem]:
    """The items with all that their page shows, in this order."""
    pks = list(pks)
    rows = ReviewItem.objects.select_related(*BY_ITEM).in_bulk(pks)
    return [rows[pk] for pk in pks]


def _moderator(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # admin_view lets nobody else in
    return request.user
