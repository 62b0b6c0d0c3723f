"""`manage.py promote VERSION`: let a candidate answer from now on, if the gate lets it pass."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.management.tables import gate_table
from moderation.services.queries import lookup
from moderation.services.release import promotion
from moderation.services.rules.photos_away import PhotosAway


class Command(BaseCommand):
    help = (
        "Compare a version with the active one on the gold set and the audit, and activate it if "
        "it is better. Finished analyses stay as they are until `reanalyze --stale`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", help="name of the candidate")
        add_by(parser)
        parser.add_argument(
            "--force",
            action="store_true",
            help="promote it past the gate; needs --by a lead and --reason, and is logged",
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why it is forced")

    def handle(self, **options: Any) -> None:
        if options["force"] and not options["reason"].strip():
            raise CommandError("--force needs --reason with the reason in words.")
        if options["reason"] and not options["force"]:
            raise CommandError("--reason goes with --force; leave it out or add --force.")
        try:
            candidate = lookup.version_by_name(options["version"])
            by = person(options["by"])
            with progress_bar("Scoring", unit="pairs") as progress:
                report = promotion.promote(
                    candidate, by=by, force_reason=options["reason"], progress=progress
                )
        except promotion.GateRefused as refused:
            self.stdout.write(gate_table(refused.report))
            raise CommandError(str(refused)) from refused
        except (promotion.PromotionError, lookup.UnknownName, ModelError, PhotosAway) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(gate_table(report))
        how = "" if report.passed else " past the gate, which is logged"
        self.stdout.write(
            f"Active model: {candidate.name}{how}. To judge the catalogue by it: python manage.py "
            "reanalyze --stale. To go back: python manage.py rollback"
        )
        if settings.CLIP_MODEL_PATH:
            self.stdout.write(
                f"CLIP_MODEL_PATH is set to {settings.CLIP_MODEL_PATH} and still comes first."
            )
