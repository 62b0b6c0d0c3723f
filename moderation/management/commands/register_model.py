"""`manage.py register_model NAME`: let a model be known here without putting it in force."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.arguments import add_accept_licence
from moderation.models import ModelVersion
from moderation.services.encoding import engine
from moderation.services.registry import facts, files, registering


class Command(BaseCommand):
    help = (
        "Fetch a model, try it once and register it as a version, which `evaluate`, `reanalyze "
        "--shadow` and CLIP_SECOND_JUDGE can name. The active model stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name", help="a hub name, a preset of `manage.py models`, or a model folder"
        )
        add_accept_licence(parser)

    def handle(self, *, name: str, accept_licence: bool, **options: Any) -> None:
        version = registered(name, accept_licence=accept_licence)
        self.stdout.write(f"Registered: {version.name}. The active model stays as it is.")


def registered(name: str, *, accept_licence: bool) -> ModelVersion:
    """The version of this name, with its files here and seen to run. Raises `CommandError`."""
    try:
        version = registering.named(name, accept_licence=accept_licence)
        if not accept_licence:
            facts.refuse_unaccepted(version)
        files.fetch(version, progress=True, accept_licence=accept_licence)
        engine.try_out(version)
    except ModelError as error:
        raise CommandError(str(error)) from error
    return version
