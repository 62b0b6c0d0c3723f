"""`manage.py backup DIR`: database, photos and trained models, while people work."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.progress import progress_bar
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.running import backup
from moderation.services.running.backup_files import BackupError, counted


class Command(BaseCommand):
    help = (
        "Write a backup into a new folder, whole or not at all, while people work. It holds the "
        "database of the settings, the photos and the trained models, and not `.env`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument(
            "--media-list",
            action="store_true",
            help="list the photos with their hashes instead of copying them: they are kept safe "
            "elsewhere, as in an object store",
        )

    def handle(self, **options: Any) -> None:
        try:
            with progress_bar("Copying", unit="files") as progress:
                manifest = backup.make(
                    options["folder"], with_photos=not options["media_list"], progress=progress
                )
        except (BackupError, PhotosAway) as error:
            raise CommandError(str(error)) from error
        if manifest.lost:
            self.stderr.write(f"Not there, or damaged: {counted(manifest.lost, 'photo')}.")
        rows = sum(manifest.rows.values())
        self.stdout.write(
            f"Backed up into {options['folder']}: {rows:,} rows, {len(manifest.files):,} files."
        )
