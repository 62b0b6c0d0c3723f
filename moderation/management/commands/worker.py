"""`manage.py worker`: the background worker, watched and restarted when it gets stuck."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from moderation.services.running import supervise


class Command(BaseCommand):
    help = "Run the background worker until Ctrl-C or SIGTERM; it is restarted when it gets stuck."

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        supervise.supervise(should_stop=stop.is_set)
