"""`manage.py undo_automatic VERSION`: take the automatic decisions of a version back."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ClipError
from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.services.queries import lookup
from moderation.services.release import automatic_undo


class Command(BaseCommand):
    help = (
        "Undo every decision that the automatic action made by the scores of a version. Its "
        "products wait for a person where their present scores flag them. The decisions stay on "
        "record, each with a row that undoes it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="name of the version")
        add_by(parser)

    def handle(self, *, version: str, by: str, **options: Any) -> None:
        try:
            found = lookup.version_by_name(version)
            with progress_bar("Taking back", unit="decisions") as progress:
                undone = automatic_undo.take_back(found, by=person(by), progress=progress)
        except (lookup.UnknownName, ClipError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{undone:,} automatic decisions of {found.name} are undone.")
