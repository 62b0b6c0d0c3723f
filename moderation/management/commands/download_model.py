"""`manage.py download_model [NAME]`: fetch a model in advance. Needs no database."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError


class Command(BaseCommand):
    help = "Fetch a model from the hub into HF_HOME, so that nothing waits for it later."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "name",
            nargs="?",
            default=settings.CLIP_MODEL_NAME,
            help="a hub name such as openai/clip-vit-base-patch16; without it CLIP_MODEL_NAME",
        )
        parser.add_argument("--revision", help="a commit, branch or tag; without it the pinned one")

    def handle(self, *, name: str, revision: str | None, **options: Any) -> None:
        try:
            model = checkpoint.resolve(name, revision=revision, progress=True)
        except ModelError as error:
            raise CommandError(str(error)) from error
        commit = f" at commit {model.revision}" if model.revision else ""
        self.stdout.write(f"{model.name}{commit} is ready in {model.folder}")
