"""`manage.py activate_model NAME`: let another model answer from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.arguments import add_accept_licence
from moderation.management.commands.register_model import registered
from moderation.services.registry import activation


class Command(BaseCommand):
    help = "Fetch a model where needed and make it the active one. Old answers stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name",
            help="a hub name, a preset of `manage.py models`, a model folder, `bundled`, or a "
            "version that was active once",
        )
        add_accept_licence(parser)

    def handle(self, *, name: str, accept_licence: bool, **options: Any) -> None:
        version = registered(name, accept_licence=accept_licence)
        try:
            activation.activate(version)
        except ModelError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Active model: {version.name}. To judge the catalogue by it: "
            "python manage.py reanalyze --stale"
        )
