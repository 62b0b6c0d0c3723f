"""`manage.py fetch_photos`: fetch photos by their addresses here, and watch it."""

import csv
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.progress import progress_bar
from moderation.models import ProductPhoto
from moderation.services.catalogue.fetching import report, retries
from moderation.services.catalogue.fetching.fetch import Fetcher
from moderation.services.catalogue.fetching.problems import LABELS
from moderation.services.rules.photos import NotStored


class Command(BaseCommand):
    help = (
        "Fetch the photos that wait for it, in this process; the worker does the same by itself. "
        "Run it again to resume after a stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--failed", action="store_true", help="those that failed once more, too")
        which.add_argument(
            "--problem",
            choices=LABELS,
            metavar="CODE",
            help=f"those that failed so once more, too: {', '.join(LABELS)}",
        )
        which.add_argument(
            "--changed",
            action="store_true",
            help="ask of every photo that is here whether it has changed",
        )

        parser.add_argument(
            "--report", type=Path, metavar="FILE.csv", help="write what is not here, and why"
        )

    def handle(self, **options: Any) -> None:
        try:
            self.fetch(options)
        finally:
            if options["report"]:
                self.write_report(options["report"])

    def fetch(self, options: dict[str, Any]) -> None:
        if options["failed"]:
            retries.retry()
        elif options["problem"]:
            retries.retry(ProductPhoto.objects.filter(problem=options["problem"]))
        elif options["changed"]:
            retries.refetch()
        waiting, started = retries.tally().waiting, time.monotonic()
        if not waiting:
            self.stdout.write("No photo waits to be fetched.")
            return
        with progress_bar("Photos", unit="photos") as show:
            fetcher = Fetcher(progress=lambda count: show(count, max(count, waiting)))
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: fetcher.stopping.set())
            try:
                count = fetcher.run()
            except NotStored as error:
                raise CommandError(str(error)) from error
        self.show(count, time.monotonic() - started)

    def show(self, count: int, seconds: float) -> None:
        now = retries.tally()
        self.stdout.write(
            f"Asked for {count:,} photos in {seconds:.0f} s: {now.fetched:,} are here, "
            f"{now.waiting:,} wait for another attempt, {now.failed:,} failed."
        )
        for label, number in now.problems.items():
            self.stdout.write(f"  {label}: {number:,}")

    def write_report(self, path: Path) -> None:
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, report.COLUMNS)
                writer.writeheader()
                missing = ProductPhoto.objects.exclude(state=ProductPhoto.State.FETCHED)
                with report.rows(missing) as rows:
                    writer.writerows(rows)
        except OSError as error:
            raise CommandError(f"--report {path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"What is not here: {path}")
