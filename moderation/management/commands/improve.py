"""`manage.py improve`: from decisions to a better model at work, in one go."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ClipError
from moderation.management.arguments import positive, seed
from moderation.management.training_end import STOPPED, check_improved
from moderation.management.training_progress import training_bar
from moderation.models import TrainingRun
from moderation.services.learning import readiness, training


class Command(BaseCommand):
    help = (
        "Train on what was decided, evaluate, put the version to work if it is better, and score "
        "the catalogue again. Ends with 0 when done, 3 when nothing better came of it, 1 when "
        "something was in the way."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mode", choices=TrainingRun.Mode.values, default="auto")
        parser.add_argument("--minutes", type=positive, help="how long to train at most")
        parser.add_argument("--seed", type=seed, default=0)
        parser.add_argument("--no-promote", action="store_true", help="stop after the evaluation")
        parser.add_argument("--yes", action="store_true", help="do not ask before it begins")
        parser.add_argument("--background", action="store_true", help="let the worker do it")

    def handle(self, **options: Any) -> None:
        if not (options["yes"] or options["no_promote"] or options["background"]):
            self.confirm()
        try:
            run = training.request(
                mode=options["mode"],
                options={
                    "minutes": options["minutes"],
                    "seed": options["seed"],
                    "improve": True,
                    "promote": not options["no_promote"],
                },
                by=None,
                foreground=not options["background"],
            )
            if options["background"]:
                self.stdout.write(f"Training {run.pk} waits for the worker.")
                return
            with training_bar(self.stdout) as report:
                run = training.run(run, report=report)
        except ClipError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as stopped:
            raise CommandError(STOPPED, returncode=130) from stopped
        known = readiness.readiness()
        if run.version is None and known.calibration:
            self.stdout.write(known.sentences[-1])
            if known.offers_calibration:
                self.stdout.write("python manage.py calibrate does that.")
        check_improved(run)

    def confirm(self) -> None:
        """Ask, where somebody is there to answer."""
        self.stdout.write(
            "A version that passes the gate replaces the active one, and the catalogue is scored "
            "again. `manage.py rollback` takes that back."
        )
        try:
            answer = input("Go on? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was done. Answer y, or add --yes.")
