"""`manage.py remove_expired`: what is kept no longer goes now, not at night."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.retention import nights
from moderation.services.retention.periods import PERIODS, is_anything_removed
from moderation.services.retention.run import Run


class Command(BaseCommand):
    help = (
        "Remove what has been kept for longer than the KEEP_… settings say. The worker does so by "
        "itself each night, from RETENTION_HOUR on. It may be stopped at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument(
            "--many-photos",
            action="store_true",
            help="also where most photos of the storage are in no use",
        )

    def handle(self, *, dry_run: bool, many_photos: bool, **options: Any) -> None:
        run = Run(dry_run=dry_run, many_photos=many_photos)
        for _ in run.steps():
            pass
        if not dry_run and is_anything_removed():
            nights.by_hand(run)
        for period in PERIODS:
            gone = f"{run.counts[period.kind]:,} {'would go' if dry_run else 'removed'}"
            of_it = f"kept for {period.kept}: {gone}" if period.days else "kept for ever"
            self.stdout.write(f"{period.words.capitalize()}: {of_it}.")
        if run.problems:
            raise CommandError(" ".join(run.problems))
