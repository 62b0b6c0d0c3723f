"""`manage.py setup`: everything a new installation needs; harmless to run again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.services.registry import activation
from moderation.services.running import setup


class Command(BaseCommand):
    help = "Seed categories and groups, register the models and pick the active one."

    def handle(self, **options: Any) -> None:
        setup.seed_groups()
        setup.schedule_sweeper()
        added = setup.seed_categories()
        self.stdout.write(f"Categories: {added} added." if added else "Categories: all there.")
        try:
            version, why = activation.set_up(progress=True)
        except ModelError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Active model: {version.name}, {why}")
