"""`manage.py setup`: everything a new installation needs; harmless to run again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.services.encoding import engine
from moderation.services.integration import webhook_secrets
from moderation.services.registry import activation
from moderation.services.running import setup


class Command(BaseCommand):
    help = "Seed categories and groups, register the models and pick the active one."

    def handle(self, **options: Any) -> None:
        setup.seed_groups()
        added = setup.seed_categories()
        self.stdout.write(f"Categories: {added} added." if added else "Categories: all there.")
        try:
            version, why = activation.set_up(progress=True, try_out=engine.try_out)
        except ModelError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Active model: {version.name}, {why}")
        self._tell_of_secrets()

    def _tell_of_secrets(self) -> None:
        """A former release signs by them, and may be at work on other hosts."""
        if count := webhook_secrets.left_as_plain_text():
            self.stdout.write(
                f"Secrets of webhooks that are not encrypted: {count}. When every host has been "
                "upgraded, run: manage.py encrypt_secrets"
            )
