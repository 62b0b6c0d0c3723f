"""`manage.py verify_backup DIR`: whether it could be put back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.progress import progress_bar
from moderation.services.running import backup_check
from moderation.services.running.backup_files import BackupError, counted


class Command(BaseCommand):
    help = (
        "Read a backup to its end: every file by its hash, the database with its rows, and that "
        "the photo of every product is there. Ends with 1 where something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")

    def handle(self, **options: Any) -> None:
        try:
            with progress_bar("Reading", unit="files") as progress:
                manifest = backup_check.verify(options["folder"], progress=progress)
        except BackupError as error:
            raise CommandError(str(error)) from error
        if manifest.lost:
            self.stderr.write(
                f"Not there, or damaged, when it was made: {counted(manifest.lost, 'photo')}."
            )
        rows = sum(manifest.rows.values())
        self.stdout.write(
            f"Sound: {rows:,} rows and {len(manifest.files):,} files of {manifest.created_at}."
        )
