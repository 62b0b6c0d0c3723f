"""The views of the moderation queue.

Each works as a plain form (redirect after post). Requested as JSON, it answers with the items that
the page does not have yet, as pieces of HTML: the page's script keeps the next three ready, shows
the next one at once and sends the decision behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from moderation.models import ReviewItem, Skip
from moderation.services.queue import (
    queue_keys,
    review,
    review_claims,
    review_undo,
    second_person,
)

from .decision_form import CONFIRM, DecisionForm
from .queue_turn import Turn, late_sentence

View = Callable[..., HttpResponse]


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of the queue; each asks for a login and the right to decide."""
    may_decide = permission_required("moderation.add_decision", raise_exception=True)

    def guarded(allowed: Callable[[View], View], view: View) -> View:
        def answered(request: HttpRequest, **item: int) -> HttpResponse:
            return view(Turn(site, request), **item)

        return site.admin_view(may_decide(allowed(answered)))

    return [
        path("queue/", guarded(require_GET, _next), name="queue"),
        path("queue/<int:pk>/", guarded(require_GET, _item), name="queue_item"),
        path("queue/<int:pk>/decide/", guarded(require_POST, _decide), name="queue_decide"),
        path("queue/<int:pk>/skip/", guarded(require_POST, _skip), name="queue_skip"),
        path("queue/<int:pk>/escalate/", guarded(require_POST, _escalate), name="queue_escalate"),
        path("queue/<int:pk>/hold/", guarded(require_POST, _hold), name="queue_hold"),
        path("queue/ahead/", guarded(require_POST, _ahead), name="queue_ahead"),
        path("queue/undo/", guarded(require_POST, _undo), name="queue_undo"),
        path("queue/leave/", guarded(require_POST, _leave), name="queue_leave"),
        path("queue/keys/", guarded(require_POST, _keys), name="queue_keys"),
    ]


def _next(turn: Turn) -> HttpResponse:
    """The next item for this moderator, claimed for them."""
    desk = turn.at.desk(turn.moderator)
    review_claims.release(turn.moderator, but_of=desk)
    item = review_claims.claim_next(turn.moderator, desk=desk)
    return turn.page(item, message=turn.at.problem)


def _item(turn: Turn, pk: int) -> HttpResponse:
    """This very item: to decide where it is free, else to look at."""
    item = get_object_or_404(ReviewItem, pk=pk)
    if item.state == review.OPEN:
        if not review_claims.renew(item, moderator=turn.moderator):
            review_claims.release(turn.moderator)  # one item in hand at a time
        review_claims.claim(item, moderator=turn.moderator)
    return turn.page(item)


def _decide(turn: Turn, pk: int) -> HttpResponse:
    """Confirm or dismiss; 400 with a sentence for a bad form, 409 where it came too late."""
    item = get_object_or_404(ReviewItem, pk=pk)
    form = DecisionForm(turn.request.POST, item=item)
    if not form.is_valid():
        return turn.refuse(item, form.sentence())
    wanted = form.decision()

    def decide() -> str:
        decision = review.decide(item, moderator=turn.moderator, **wanted)
        verdict = "Mismatch" if decision.verdict == CONFIRM else "Let pass"
        which = f" (photo {decision.photo_number})" if decision.analysis.further_photos else ""
        message = f"{verdict}: {decision.get_reason_display().lower()}{which}."
        if wanted["also"]:
            followed = decision.propagated.count()
            message += f" {followed} of {len(wanted['also'])} similar items followed."
        return message

    return _acted(turn, item, decide)


def _skip(turn: Turn, pk: int) -> HttpResponse:
    """Pass the item on to somebody else; what three people skipped, a lead decides."""
    item = get_object_or_404(ReviewItem, pk=pk)
    reason = turn.request.POST.get("skip_reason") or str(Skip.Reason.CANNOT_TELL)

    def skip() -> str:
        to_leads = review.skip(item, moderator=turn.moderator, reason=reason)
        if to_leads:
            return "Skipped. Three people skipped it: a lead decides."
        if second_person.is_there(turn.moderator):
            return "Skipped. Somebody else looks."
        return "Skipped. It stays open for a second person; you are the only one who may decide."

    return _acted(turn, item, skip)


def _escalate(turn: Turn, pk: int) -> HttpResponse:
    """Ask a lead."""
    item = get_object_or_404(ReviewItem, pk=pk)
    note = turn.request.POST.get("note", "").strip()

    def escalate() -> str:
        review.escalate(item, moderator=turn.moderator, note=note)
        return "Escalated. A lead decides it."

    return _acted(turn, item, escalate)


def _acted(turn: Turn, item: ReviewItem, act: Callable[[], str]) -> HttpResponse:
    """Do something with an item and go on, with the sentence that it gives."""
    try:
        message = act()
    except review.AlreadyDecided as late:
        return turn.too_late(item, str(late))
    except review.ReviewError as error:
        return turn.refuse(item, str(error))
    return turn.answer(message)


def _undo(turn: Turn) -> HttpResponse:
    """Take back what this moderator did last and show its item again."""
    meant = turn.request.POST.get("item", "")
    item_pk = int(meant) if meant.isdecimal() else None
    try:
        item = review_undo.undo(moderator=turn.moderator, item=item_pk)
    except review.ReviewError as error:
        return turn.answer(str(error), status=409)
    name = item.product.external_id
    return turn.answer(f"Undone: {name}. Please decide it again.", show=item)


def _hold(turn: Turn, pk: int) -> HttpResponse:
    """The heartbeat of an open page: keeps the claims, or claims again what they lost."""
    item, moderator = get_object_or_404(ReviewItem, pk=pk), turn.moderator
    review_claims.renew_all(moderator)
    if review_claims.keep(item, moderator=moderator):
        review_claims.show(item, moderator=moderator)
        for follower in ReviewItem.objects.filter(pk__in=turn.have):
            review_claims.keep(follower, moderator=moderator)
        return HttpResponse(status=204)
    why = review_claims.refusal(item, moderator=moderator)
    why = why or review.who_was_faster(item, asking=moderator)
    return JsonResponse({"message": late_sentence(item, why)}, status=409)


def _ahead(turn: Turn) -> HttpResponse:
    """The items that the page should have ready, except those it has."""
    return turn.answer()


def _leave(turn: Turn) -> HttpResponse:
    """The page was closed: what it held is free for others."""
    review_claims.release(turn.moderator)
    return HttpResponse(status=204)


def _keys(turn: Turn) -> HttpResponse:
    """Keep this moderator's own keys."""
    sent = turn.request.POST
    is_usual = "usual" in sent
    chosen: dict[str, Any] = {
        action: sent[f"key {action}"] for action in queue_keys.ACTIONS if f"key {action}" in sent
    }
    try:
        on = is_usual or "keys_on" in sent
        queue_keys.save(turn.moderator, keys={} if is_usual else chosen, on=on)
    except queue_keys.KeysError as problem:
        messages.error(turn.request, str(problem))
    else:
        messages.success(turn.request, "Your keys are saved.")
    return HttpResponseRedirect(turn.at.page)
