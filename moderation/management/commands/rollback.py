"""`manage.py rollback`: back to the version that was active before, as it was."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.models import Analysis
from moderation.services.release import promotion, rollback


class Command(BaseCommand):
    help = (
        "Activate the version that the present one replaced, with its thresholds, calibration, "
        "scores and queue as they were then. What people decided since stays decided; automatic "
        "decisions by the scores of the version that goes are undone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_by(parser)

    def handle(self, *, by: str, **options: Any) -> None:
        try:
            with progress_bar("Putting back", unit="products") as progress:
                version = rollback.rollback(by=person(by), progress=progress)
        except (promotion.PromotionError, ModelError) as error:
            raise CommandError(str(error)) from error
        asked = Analysis.objects.live().filter(model_version=version).count()
        self.stdout.write(f"Active model: {version.name}, threshold {version.threshold:g}.")
        if undone := rollback.automatic_undone(version):
            self.stdout.write(f"{undone:,} automatic decisions of the previous version are undone.")
        if asked:
            self.stdout.write(
                f"{asked:,} products that it has not scored as they are now wait for the worker."
            )
