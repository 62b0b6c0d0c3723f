"""`manage.py calibrate`: fit the probabilities of a version to the decisions, without training."""

import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ClipError
from moderation.services.queries import lookup
from moderation.services.registry import versions
from moderation.services.release import calibrate
from moderation.services.rules.probability import moved_categories


class Command(BaseCommand):
    help = (
        "Fit P(mismatch) of the active version to the decisions on what it scored. Runs no model; "
        "`manage.py reanalyze --stale` brings the new probabilities to finished analyses."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", metavar="NAME", help="model version (default: the active)")

    def handle(self, *, model: str | None, **options: Any) -> None:
        try:
            version = lookup.version_by_name(model) if model else versions.current()
            found = calibrate.calibrate(version)
        except (ClipError, lookup.UnknownName) as error:
            raise CommandError(str(error)) from error
        fitted = found.fitted
        self.stdout.write(
            f"Model: {version.name}\n"
            f"Fitted to {fitted['labels']:,} decisions, {fitted['mismatches']:,} of them "
            f"mismatches: {fitted['chosen']}.\n{fitted['why']}"
        )
        moved = [(found.offset(name), name) for name in moved_categories(found).values()]
        for offset, name in sorted(moved, reverse=True):
            self.stdout.write(f"  {name}: odds of a mismatch times {math.exp(offset):.2f}")
        self.stdout.write(
            "New analyses use it. For the finished ones: python manage.py reanalyze --stale"
        )
