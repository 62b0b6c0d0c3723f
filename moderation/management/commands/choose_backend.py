"""`manage.py choose_backend`: who computes fastest here, and judges as fp32 does."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.backends import choice
from moderation.clip.backends.choice import Choice
from moderation.clip.errors import ModelError
from moderation.services.encoding import backend_choice
from moderation.services.queries import lookup
from moderation.services.registry import versions


class Command(BaseCommand):
    help = (
        "Try the backends and precisions on this machine, on a model version and up to 1,000 of "
        "the shop's own listings, and let the processes of this machine use the fastest that "
        "judges as fp32 does. For a new model, run it before the catalogue is analysed: vectors "
        "are kept for each backend and precision, so a later change encodes every photo anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", metavar="NAME", help="model version (default: the active)")
        parser.add_argument("--show", action="store_true", help="only show what was decided")
        parser.add_argument("--forget", action="store_true", help="let torch run it again")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, **options: Any) -> None:
        try:
            name = options["model"]
            version = lookup.version_by_name(name) if name else versions.current()
            if options["forget"]:
                known = backend_choice.forget(version)
                self.stdout.write("Forgotten." if known else "Nothing was decided for it here.")
                self.stdout.write(f"{version.name} runs: {backend_choice.in_words(version)}")
                return
            if options["show"]:
                found = backend_choice.of(version)
                if found is None:
                    self.stdout.write(f"Nothing was decided for {version.name} on this machine.")
                    return
            else:
                found = backend_choice.choose(version, tell=self._tell)
        except (lookup.UnknownName, ModelError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found), indent=2, ensure_ascii=False))
            return
        self.stdout.write(table(found))
        self.stdout.write(f"{version.name} runs: {backend_choice.in_words(version)}")
        if others := backend_choice.vectors_of_others(version, found.arithmetic):
            self.stdout.write(
                f"{others:,} cached vectors are of another backend or precision: what is scored "
                "anew is encoded anew."
            )

    def _tell(self, text: str) -> None:
        self.stderr.write(f"Trying {text} ...")


def table(found: Choice) -> str:
    """The candidates in columns, the fastest first, under what they were tried on."""
    pairs = "of the shop" if found.of_the_shop else "of drawn products"
    lines = [
        f"{found.machine}",
        f"Chosen: {found.backend} in {found.precision}, by {found.pairs:,} pairs {pairs}.",
        f"{'backend':9} {'precision':9} {'ms/photo':>9} {'ms/text':>8} {'times':>6} {'flips':>6}",
    ]
    for row in choice.table(found):
        numbers = [row["picture_ms"], row["text_ms"], row["times"], row["flips"]]
        told = ["" if one is None else f"{one:,}" for one in numbers]
        lines.append(
            f"{row['backend']:9} {row['precision']:9} {told[0]:>9} {told[1]:>8} {told[2]:>6} "
            f"{told[3]:>6}  {row['decision']}"
        )
    return "\n".join(lines)
