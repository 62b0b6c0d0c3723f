"""The views of the moderation queue.

Each works as a plain form (redirect after post) and, asked for JSON, answers with the next item
as a piece of HTML, so that the page's script swaps it in without a reload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from moderation.models import Decision, ReviewItem
from moderation.services import review, review_claims, review_queue

from .decision_form import CONFIRM, DISMISS, DecisionForm, answers, shown_stamp
from .work_state import work_state

if TYPE_CHECKING:
    from .site import ClipmodAdminSite

View = Callable[..., HttpResponse]


def urls(site: ClipmodAdminSite) -> list[URLPattern]:
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
        path("queue/<int:pk>/hold/", guarded(require_POST(pages.hold)), name="queue_hold"),
        path("queue/undo/", guarded(require_POST(pages.undo)), name="queue_undo"),
        path("queue/leave/", guarded(require_POST(pages.leave)), name="queue_leave"),
    ]


class QueuePages:
    """The queue within one admin site."""

    def __init__(self, site: ClipmodAdminSite) -> None:
        self.site = site

    def next(self, request: HttpRequest) -> HttpResponse:
        """The next item for this moderator, claimed for them."""
        if _wants_json(request):
            return self._answer(request)
        return self._page(request, review_claims.claim_next(_moderator(request)))

    def item(self, request: HttpRequest, pk: int) -> HttpResponse:
        """This very item: to decide where it is free, else to look at."""
        moderator = _moderator(request)
        item = get_object_or_404(ReviewItem, pk=pk)
        if item.state == review.OPEN and not review_claims.renew(item, moderator=moderator):
            review_claims.release(moderator)  # one item in hand at a time
            review_claims.claim(item, moderator=moderator)
        return self._page(request, item)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Confirm or dismiss; 400 with a sentence for a bad form, 409 where it came too late."""
        item = get_object_or_404(ReviewItem, pk=pk)
        form = DecisionForm(request.POST, item=item)
        if not form.is_valid():
            return self._refuse(request, item, form.sentence())
        try:
            decision = review.decide(item, moderator=_moderator(request), **form.decision())
        except review.AlreadyDecided as late:
            return self._answer(request, f"{late} Here is the next one.", status=409)
        except review.ReviewError as error:
            return self._refuse(request, item, str(error))
        verdict = "Mismatch" if decision.verdict == CONFIRM else "Let pass"
        return self._answer(request, f"{verdict}: {decision.get_reason_display().lower()}.")

    def skip(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Pass the item on to somebody else."""
        review.skip(get_object_or_404(ReviewItem, pk=pk), moderator=_moderator(request))
        return self._answer(request, "Skipped. Somebody else will look at it.")

    def undo(self, request: HttpRequest) -> HttpResponse:
        """Take back this moderator's last decision and show its item again."""
        try:
            review.undo(moderator=_moderator(request))
        except review.ReviewError as error:
            return self._answer(request, str(error), status=409)
        return self._answer(request, "Undone. Please decide this one again.")

    def hold(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The heartbeat of an open page: keeps the claim, or takes it anew where it ran out."""
        item = get_object_or_404(ReviewItem, pk=pk)
        if review_claims.claim(item, moderator=_moderator(request)):
            return HttpResponse(status=204)
        return self._answer(request, f"{review.who_was_faster(item)} Here is the next one.", 409)

    def leave(self, request: HttpRequest) -> HttpResponse:
        """The page was closed: what it held is free for others."""
        review_claims.release(_moderator(request))
        return HttpResponse(status=204)

    # ── Answers ───────────────────────────────────────────────────────────────────────────────
    def _answer(self, request: HttpRequest, message: str = "", status: int = 200) -> HttpResponse:
        """Go on to the next item, with a sentence about what was just done."""
        if not _wants_json(request):
            if status == 200:
                messages.success(request, message)
                return HttpResponseRedirect(reverse("admin:queue"))
            item = review_claims.claim_next(_moderator(request))
            return self._page(request, item, message=message, status=status)
        context = self._context(request, review_claims.claim_next(_moderator(request)))
        html = render_to_string("admin/queue/work.html", context, request=request)
        return JsonResponse({"message": message, "html": html}, status=status)

    def _refuse(self, request: HttpRequest, item: ReviewItem, sentence: str) -> HttpResponse:
        """The form was wrong; the item stays where it is."""
        if _wants_json(request):
            return JsonResponse({"message": sentence}, status=400)
        return self._page(request, item, message=sentence, status=400)

    def _page(
        self, request: HttpRequest, item: ReviewItem | None, *, message: str = "", status: int = 200
    ) -> HttpResponse:
        context = self._context(request, item) | {"error": message, "title": "Review queue"}
        return TemplateResponse(
            request,
            "admin/queue/queue.html",
            self.site.each_context(request) | context,
            status=status,
        )

    def _context(self, request: HttpRequest, item: ReviewItem | None) -> dict[str, Any]:
        moderator = _moderator(request)
        context: dict[str, Any] = {
            "counts": review_queue.counts(),
            "may_undo": review.last_decision(moderator) is not None,
        }
        if item is None:
            return context | {"work": work_state()}
        item = ReviewItem.objects.select_related(
            "product__category",
            "analysis__model_version",
            "claimed_by",
            "reopens__analysis",
            "reopens__moderator",
        ).get(pk=item.pk)
        return context | {
            "item": item,
            "in_hand": item.state == review.OPEN and item.claimed_by_id == moderator.pk,
            "decision": item.decisions.standing().select_related("moderator").first(),
            "confirm": answers(CONFIRM),
            "dismiss": answers(DISMISS),
            "sides": Decision.Side.choices,
            "shown": shown_stamp(item),
            "following": review_claims.likely_next(moderator, after=item),
        }


def _moderator(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # admin_view lets nobody else in
    return request.user


def _wants_json(request: HttpRequest) -> bool:
    return request.accepts("application/json") and not request.accepts("text/html")
