"""`manage.py run_fetches`: the photos that wait; the worker starts it when there are any."""

import os
import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.catalogue.fetching.fetch import Fetcher
from moderation.services.rules.photos import NotStored

# Long enough that a retry does not pay for a start; the process is gone a while after an import.
LINGER_SECONDS = 30.0


class Command(BaseCommand):
    help = (
        "Fetch the photos that wait, and end when none has been due for a while. `manage.py "
        "worker` starts this by itself; SIGTERM ends it, and nothing is lost."
    )

    def handle(self, **options: Any) -> None:
        parent = os.getppid()
        fetcher = Fetcher(should_stop=lambda: os.getppid() != parent)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: fetcher.stopping.set())
        try:
            fetcher.run(linger=LINGER_SECONDS)
        except NotStored as error:
            raise CommandError(str(error)) from error
