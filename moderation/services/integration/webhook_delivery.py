"""Carrying messages out: claimed, sent, tried again, given up. At least once, in no sure order.

A claim is one conditional UPDATE that counts the attempt and makes `due_at` the end of a lease: a
message in the hands of a worker that was killed is simply due again. The wait doubles twice from
attempt to attempt, half of it random ("equal jitter": M. Brooker, Exponential Backoff And
Jitter, AWS Architecture Blog, 2015); with eight attempts it is tried for about a day. A receiver
that gave no answer at all holds up only its own messages, and costs one attempt in `SILENCE`; as it
may be one message that it chokes on, the others do not wait for that one's next attempt.
"""

from __future__ import annotations

import logging
import random
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from moderation.models import Delivery

from . import webhook_http, webhook_secrets

logger = logging.getLogger(__name__)

State = Delivery.State

AT_ONCE = 50  # rows of one look
FIRST_WAIT = 30.0  # seconds
LONGEST_WAIT = 12 * 3600.0
SILENCE = timedelta(minutes=3)  # between attempts at a receiver that gave no answer
# Beyond the time that an attempt may take: name look-ups and the database come on top.
_LEASE_MARGIN = 60.0


def send_due(*, seconds: float) -> int:
    """Send what is due, for about `seconds` and one answer more; returns how many attempts."""
    deadline = time.monotonic() + seconds
    _give_up_lost()
    count = 0
    while rows := list(_due(timezone.now())[:AT_ONCE]):
        for row in rows:
            if time.monotonic() >= deadline:
                return count
            if not _claim(row):
                continue
            outcome = _attempt(row)
            _settle(row, outcome, final=row.attempts >= settings.WEBHOOK_MAX_ATTEMPTS)
            count += 1
            if outcome[0] is None:
                break  # what else waits for this receiver is not due any more
    return count


def has_due() -> bool:
    """Whether there is anything to send, or to give up."""
    return Delivery.objects.filter(
        state__in=[State.WAITING, State.SENDING], due_at__lte=timezone.now()
    ).exists()


def send_once(row: Delivery) -> Delivery:
    """Save a message and send it now, once, whatever comes of it."""
    row.state, row.attempts, row.due_at = State.SENDING, 1, _lease_end()
    row.save()
    _settle(row, _attempt(row), final=True)
    row.refresh_from_db()
    return row


# ── Claims ────────────────────────────────────────────────────────────────────────────────────
def _due(now: datetime) -> QuerySet[Delivery]:
    """What is to be sent now: to active webhooks that were not silent a moment ago."""
    on_its_way = Delivery.objects.filter(state__in=[State.WAITING, State.SENDING])
    silent = on_its_way.filter(
        webhook=OuterRef("webhook"),
        state=State.WAITING,
        attempts__gt=0,
        answer_status=None,
        tried_at__gt=now - SILENCE,
        due_at__gt=now,
    )
    # Retries first: while a receiver is down, one message finds that out for all.
    return (
        on_its_way.filter(~Exists(silent), webhook__is_active=True, due_at__lte=now)
        .select_related("webhook")
        .order_by("-attempts", "due_at", "pk")
    )


def _claim(row: Delivery) -> bool:
    """Take a message; False where another worker, an undo or a replay was faster."""
    lease = _lease_end()
    if not _as_it_is(row).update(state=State.SENDING, attempts=row.attempts + 1, due_at=lease):
        return False
    row.state, row.attempts, row.due_at = State.SENDING, row.attempts + 1, lease
    return True


def _as_it_is(row: Delivery) -> QuerySet[Delivery]:
    """The row, if nobody has touched it: each claim moves `attempts` and `due_at`."""
    return Delivery.objects.filter(
        pk=row.pk, state=row.state, attempts=row.attempts, due_at=row.due_at
    )


def _give_up_lost() -> None:
    """Messages whose last allowed attempt ended with the worker; nobody knows if they arrived."""
    Delivery.objects.filter(
        state=State.SENDING,
        due_at__lte=timezone.now(),
        attempts__gte=settings.WEBHOOK_MAX_ATTEMPTS,
    ).update(state=State.FAILED, error="The worker stopped while it sent this.")


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.WEBHOOK_TIMEOUT_SECONDS + _LEASE_MARGIN)


# ── Attempts ──────────────────────────────────────────────────────────────────────────────────
def _attempt(row: Delivery) -> tuple[int | None, str]:
    """The status that was answered, if any, and why it does not count, or nothing."""
    try:
        answer = webhook_http.post(
            row.webhook.url,
            secret=webhook_secrets.of(row.webhook),
            event_id=str(row.event_id),
            payload=row.payload,
        )
    except webhook_http.NotAnswered as error:
        return None, str(error)
    except webhook_secrets.SecretIsLost as error:
        logger.error("%s", error)  # unlike a receiver, it does not come back by itself
        return None, str(error)
    return answer.status, answer.problem


def _settle(row: Delivery, outcome: tuple[int | None, str], *, final: bool) -> None:
    """Write down how an attempt went, unless its lease ran out and another one is under way."""
    status, problem = outcome
    now = timezone.now()
    changes: dict[str, object] = {
        "answer_status": status,
        "error": problem[:500],
        "tried_at": now,
    }
    if not problem:
        changes |= {"state": State.SENT, "sent_at": now}
    elif final:
        changes |= {"state": State.FAILED}
        logger.warning("Delivery %d to “%s” is given up: %s", row.pk, row.webhook.name, problem)
    else:
        wait = timedelta(seconds=seconds_to_wait(row.attempts))
        changes |= {"state": State.WAITING, "due_at": now + wait}
    _as_it_is(row).update(**changes)


def seconds_to_wait(attempts: int) -> float:
    """How long after a failed attempt the next one is: half of it fixed, half random."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 4.0 ** (attempts - 1))
    return wait / 2 + random.uniform(0, wait / 2)
