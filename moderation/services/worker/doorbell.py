"""The doorbell: the wake-up message of the queue that makes workers look for pending rows."""

from __future__ import annotations

import logging

from django_q.brokers import get_broker
from django_q.tasks import async_task

logger = logging.getLogger(__name__)


def ring() -> None:
    """Tell the workers that rows wait, unless a message that nobody took up yet says so already.

    A message that gets lost costs time only: the sweeper rings again, so a broker that cannot be
    reached must not stop a caller that has just saved rows.
    """
    try:
        if not get_broker().queue_size():
            async_task("moderation.tasks.analyse_pending")
    except Exception:  # brokers raise their own kinds, and none of them may undo saved work
        logger.exception("The queue cannot be reached; the sweeper will ring again")
