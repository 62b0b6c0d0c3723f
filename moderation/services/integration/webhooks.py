"""Notifying the shop: which messages there are for it, and which can still be withheld.

A message is a row, written in the transaction of what it reports, so that neither can exist without
the other; `webhook_delivery` carries it out. A decision waits for the undo window: until its first
attempt it can be withheld, and from then on it counts as known to the shop.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from moderation.models import Appeal, Decision, Delivery, Webhook

from ..queries.one_parameter import among
from . import webhook_delivery, webhook_http, webhook_payload, webhook_secrets

State = Delivery.State

# The shortest time for which messages are kept (`services/retention`).
FIRST_REMOVED_AFTER = timedelta(days=1)

has_due, send_due = webhook_delivery.has_due, webhook_delivery.send_due  # what the worker calls


class WebhookError(Exception):
    """What cannot be done with a webhook or a delivery; `str(error)` is a sentence."""


# ── Notifications ──────────────────────────────────────────────────────────────────────────────
def announce(decisions: Sequence[Decision]) -> None:
    """Notify every active webhook of these decisions (in their transaction).

    A first verdict waits for the undo window, a correction goes at once. Second opinions are not
    sent: they check labels, and the verdict on the listing stays the first one.
    """
    hooks = list(Webhook.objects.filter(is_active=True).order_by("pk"))
    if not hooks or not decisions:
        return
    sent = (
        Decision.objects.filter(among("pk", [one.pk for one in decisions]))
        .filter(item__second_of=None)
        .select_related("analysis__product", "analysis__model_version")
        .order_by("pk")
    )
    now = timezone.now()
    window = timedelta(seconds=settings.UNDO_WINDOW_SECONDS)
    rows: list[Delivery] = []
    for one in sent:
        event = webhook_payload.event_of(one)
        due_at = now + window if event == webhook_payload.MADE else now
        event_id = uuid.uuid4()
        payload = webhook_payload.of_decision(one, event_id=event_id)
        rows += _for_each(hooks, event, event_id, payload, due_at, decision=one)
    Delivery.objects.bulk_create(rows, batch_size=500)


def announce_appeal(appeal: Appeal) -> None:
    """Notify every active webhook at once how an appeal ended (in its transaction)."""
    hooks = list(Webhook.objects.filter(is_active=True).order_by("pk"))
    event_id = uuid.uuid4()
    payload = webhook_payload.of_appeal(appeal, event_id=event_id)
    event = webhook_payload.APPEAL_DECIDED
    Delivery.objects.bulk_create(
        _for_each(hooks, event, event_id, payload, timezone.now(), appeal=appeal)
    )


def _for_each(
    hooks: Sequence[Webhook],
    event: str,
    event_id: uuid.UUID,
    payload: dict[str, Any],
    due_at: datetime,
    **about: Any,
) -> list[Delivery]:
    """One row per webhook: the same event under the same id for each receiver."""
    return [
        Delivery(
            webhook=hook,
            event=event,
            event_id=event_id,
            payload=payload,
            due_at=due_at,
            **about,
        )
        for hook in hooks
    ]


def take_back(decisions: Sequence[Decision]) -> bool:
    """Withhold what was announced of these decisions (in the transaction that undoes them).

    False, with nothing changed, where any of it has left the house: one attempt is enough, as a
    message that was not acknowledged may have arrived all the same. An appeal shows it, too.
    """
    ids = [one.pk for one in decisions]
    if Appeal.objects.filter(among("decision", ids)).exists() or _no_longer_told(decisions):
        return False
    announced = Delivery.objects.filter(among("decision", ids)).exclude(state=State.CANCELLED)
    # Locked in one order: a worker that claims one meanwhile waits, and then finds it cancelled.
    rows = list(announced.select_for_update().order_by("pk").values_list("state", "attempts"))
    if any(row != (State.WAITING, 0) for row in rows):
        return False
    announced.filter(state=State.WAITING, attempts=0).update(state=State.CANCELLED)
    return True


def hold_back(decisions: Sequence[Decision]) -> set[int]:
    """Cancel what was not tried yet (in the transaction that undoes or corrects these decisions).

    Returns the ids of those that the shop may know of all the same, and so has to be told what
    became of them. What would be sent after its own correction is never sent.
    """
    ids = [one.pk for one in decisions]
    announced = Delivery.objects.filter(among("decision", ids)).exclude(state=State.CANCELLED)
    list(announced.select_for_update().order_by("pk").values_list("pk"))  # as in `take_back`
    announced.filter(state=State.WAITING, attempts=0).update(state=State.CANCELLED)
    known = set(announced.values_list("decision", flat=True))
    appealed = Appeal.objects.filter(among("decision", ids)).values_list("decision", flat=True)
    return {pk for pk in known if pk is not None}.union(appealed, _no_longer_told(decisions))


def _no_longer_told(decisions: Sequence[Decision]) -> set[int]:
    """The ids of decisions so old that what was sent of them may have been removed since.

    Whether there was a webhook that was told of them is all that is known.
    """
    first = Webhook.objects.aggregate(first=Min("created_at"))["first"]
    until = timezone.now() - FIRST_REMOVED_AFTER
    if first is None:
        return set()
    old = {one.pk for one in decisions if first < one.created_at < until}
    told = Delivery.objects.filter(among("decision", sorted(old)))
    return old - {pk for pk in told.values_list("decision", flat=True) if pk is not None}


# ── What leads do ─────────────────────────────────────────────────────────────────────────────
def replay(delivery: Delivery) -> None:
    """Send a message once more, under the same id; with the worker's next sweep.

    Raises `WebhookError` for one that was cancelled, or has not been tried yet.
    """
    tried = Delivery.objects.filter(pk=delivery.pk, attempts__gt=0)
    # One attempt stays counted: it may have arrived, so nobody can take it back any more.
    if not tried.filter(state__in=[State.SENT, State.FAILED, State.WAITING]).update(
        state=State.WAITING, attempts=1, due_at=timezone.now(), error=""
    ):
        delivery.refresh_from_db()
        raise WebhookError(
            f"Delivery {delivery.pk} cannot be sent again: it is "
            f"{delivery.get_state_display().lower()}."
        )


def ping(webhook: Webhook) -> Delivery:
    """Send a test now, once, and wait for the answer; the row says how it went."""
    event_id = uuid.uuid4()
    payload = webhook_payload.of_ping(event_id=event_id)
    (row,) = _for_each([webhook], webhook_payload.PING, event_id, payload, timezone.now())
    return webhook_delivery.send_once(row)


def rotate(webhook: Webhook) -> None:
    """Give a webhook a new secret, for everything that is sent from now on."""
    webhook_secrets.renew(webhook)


def secret_of(webhook: Webhook) -> str:
    """The secret in the form that receivers take."""
    return webhook_http.shown_secret(webhook_secrets.of(webhook))
