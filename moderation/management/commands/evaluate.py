"""`manage.py evaluate [CSV]`: what a model version is worth, with intervals."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.progress import progress_bar
from moderation.management.tables import report_table
from moderation.services.queries import lookup
from moderation.services.registry import versions
from moderation.services.release import evaluation, pairs_file
from moderation.services.rules.photos_away import PhotosAway


class Command(BaseCommand):
    help = (
        "Measure a model version on labelled pairs: a CSV with image_path, text, label (1 match, "
        "0 mismatch) and, if there, kind, category, weight, group; without one on the gold set "
        "and the audit. The report is kept and shown in the admin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("csv", nargs="?", type=Path, metavar="CSV")
        parser.add_argument("--model", metavar="NAME", help="model version (default: the active)")
        parser.add_argument(
            "--image-base-path",
            type=Path,
            metavar="DIR",
            help="folder that image_path counts from (default: the folder of the CSV)",
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write JSON to FILE too")

    def handle(self, **options: Any) -> None:
        if options["image_base_path"] and not options["csv"]:
            raise CommandError("--image-base-path goes with a CSV; name the CSV too.")
        name, output = options["model"], options["output"]
        if output and not output.absolute().parent.is_dir():
            raise CommandError(f"There is no folder {output.parent} for --output; make it first.")
        if output and output.is_dir():
            raise CommandError(f"--output is {output}, a folder; name a file in it.")
        try:
            version = lookup.version_by_name(name) if name else versions.current()
            with progress_bar("Scoring", unit="pairs") as progress:
                found = evaluation.evaluate(
                    version,
                    csv=options["csv"],
                    image_base_path=options["image_base_path"],
                    progress=progress,
                )
        except (
            pairs_file.BadPairs,
            evaluation.NothingToEvaluate,
            lookup.UnknownName,
            ModelError,
            PhotosAway,
        ) as error:
            raise CommandError(str(error)) from error
        about = {
            "version": version.name,
            "dataset": found.dataset,
            "dataset_sha256": found.dataset_sha256,
            "report": found.report,
        }
        text = json.dumps(about, indent=2, ensure_ascii=False)
        self.stdout.write(text if options["json"] else report_table(found))
        if output:
            try:
                output.write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{output} cannot be written ({error.strerror}).") from error
