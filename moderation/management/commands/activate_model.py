"""`manage.py activate_model NAME`: let another model answer from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.encoding import engine
from moderation.services.registry import activation, files, registering


class Command(BaseCommand):
    help = "Fetch a model where needed and make it the active one. Old answers stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name", help="a hub name, a model folder, `bundled`, or a version that was active once"
        )

    def handle(self, *, name: str, **options: Any) -> None:
        try:
            known = ModelVersion.objects.filter(name=name).first()
            version = known or registering.obtain(name, progress=True)
            files.fetch(version, progress=True)
            engine.try_out(version)
            activation.activate(version)
        except ModelError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Active model: {version.name}. To judge the catalogue by it: "
            "python manage.py reanalyze --stale"
        )
