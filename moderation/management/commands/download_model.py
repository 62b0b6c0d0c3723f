"""`manage.py download_model [NAME]`: fetch a model in advance. Needs no database."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.clip.checkpoints import checkpoint, known
from moderation.clip.errors import ModelError
from moderation.management.arguments import add_accept_licence


class Command(BaseCommand):
    help = "Fetch a model from the hub into HF_HOME, so that nothing waits for it later."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            default=settings.CLIP_MODEL_NAME,
            help="a hub name such as openai/clip-vit-base-patch16, or a preset of `manage.py "
            "models`; without it CLIP_MODEL_NAME",
        )
        add_accept_licence(parser)
        parser.add_argument("--revision", help="a commit, branch or tag; without it the pinned one")

    def handle(
        self, *, name: str, revision: str | None, accept_licence: bool, **options: Any
    ) -> None:
        name = known.full_name(name)
        try:
            if not accept_licence:
                known.refuse_unaccepted(name)
            model = checkpoint.resolve(
                name, revision=revision, progress=True, accept_licence=accept_licence
            )
        except ModelError as error:
            raise CommandError(str(error)) from error
        commit = f" at commit {model.revision}" if model.revision else ""
        self.stdout.write(f"{model.name}{commit} is ready in {model.folder}")
