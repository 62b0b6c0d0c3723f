"""`manage.py run_sources`: the sources whose time has come; the worker starts it for them."""

import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.catalogue.sources import due, run
from moderation.services.worker import heartbeat
from moderation.services.worker.patience import GONE, in_a_line


class Command(BaseCommand):
    help = (
        "Read the sources that are due or asked for, one after the other, and end. `manage.py "
        "worker` starts this by itself; SIGTERM ends it, and another process goes on."
    )

    def handle(self, **options: Any) -> None:
        parent, owner = os.getppid(), heartbeat.me()

        def is_orphan() -> bool:
            return os.getppid() != parent

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, _end)
        try:
            while not is_orphan() and (claimed := due.claim(owner)):
                run.work(claimed, owner, should_stop=is_orphan)
        except GONE as error:
            raise CommandError(f"The database does not answer: {in_a_line(error)}") from error


def _end(*_: object) -> None:
    """Wherever it is: chunks are whole, and the run is given back on the way out."""
    raise SystemExit(0)
