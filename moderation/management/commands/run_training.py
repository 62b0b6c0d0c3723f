"""`manage.py run_training`: the training that waits; the worker starts it when there is one."""

import os
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from moderation.services.learning import training

# Analyses and the web server go first; a training takes what they leave.
NICE = 10


class Command(BaseCommand):
    help = (
        "Carry out the training that waits, if one does, and end. `manage.py worker` starts this "
        "by itself; SIGTERM puts the training back, to be resumed where it was."
    )

    def handle(self, **options: Any) -> None:
        run = training.queued()
        if run is None:
            self.stdout.write("No training waits.")
            return
        os.nice(NICE)
        stop, parent = threading.Event(), os.getppid()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        try:
            training.run(run, should_stop=lambda: stop.is_set() or os.getppid() != parent)
        except training.TrainingRefused as refused:  # another worker was faster
            self.stdout.write(str(refused))
