"""`manage.py restore DIR`: a backup into an empty database and media folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.progress import progress_bar
from moderation.services.rules.photos import NotStored
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.running import backup_restore
from moderation.services.running.backup_files import BackupError


class Command(BaseCommand):
    help = (
        "Put a backup back into the database, media folder and model folder of the settings, all "
        "of which must be empty. A backup of SQLite may go into PostgreSQL."
    )
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")

    def handle(self, **options: Any) -> None:
        try:
            with progress_bar("Reading", unit="files") as progress:
                manifest = backup_restore.restore(options["folder"], progress=progress)
        except (BackupError, NotStored, PhotosAway) as error:
            raise CommandError(str(error)) from error
        rows = sum(manifest.rows.values())
        self.stdout.write(
            f"Restored: {rows:,} rows and {len(manifest.files):,} files of {manifest.created_at}. "
            "Run `migrate` and `setup` before you start."
        )
