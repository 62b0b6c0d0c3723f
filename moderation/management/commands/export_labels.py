"""`manage.py export_labels`: what was decided, as labels to train and measure with."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.arguments import moment
from moderation.management.progress import progress_bar
from moderation.models import Decision
from moderation.services import dataset, dataset_files, lookup
from moderation.services.dataset_manifest import Filters, Manifest

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Write the decisions that stand as labels (1 match, 0 mismatch) with their photos and a "
        "manifest. The same decisions give the same bytes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output-dir", type=Path, required=True, metavar="DIR")
        parser.add_argument("--format", choices=dataset_files.FORMATS, default="csv")
        parser.add_argument("--since", type=moment, metavar="TIME", help="decided at TIME or later")
        parser.add_argument("--until", type=moment, metavar="TIME", help="decided before TIME")
        parser.add_argument("--category", metavar="NAME")
        parser.add_argument("--model", metavar="NAME", help="judged with this model version")
        parser.add_argument("--verdict", choices=[str(verdict) for verdict in dataset.LABELS])
        parser.add_argument(
            "--no-images",
            action="store_true",
            help="leave the photos where they are: paths then start in the media folder",
        )

    def handle(self, **options: Any) -> None:
        filters = Filters(
            **{name: options[name] for name in ("since", "until", "category", "model", "verdict")}
        )
        try:
            with progress_bar("Exporting", unit="decisions") as progress:
                manifest = dataset.export(
                    options["output_dir"],
                    filters=filters,
                    format=options["format"],
                    with_images=not options["no_images"],
                    progress=progress,
                )
        except (dataset.DatasetError, lookup.UnknownName) as error:
            raise CommandError(str(error)) from error
        self.show(manifest, options["output_dir"])

    def show(self, manifest: Manifest, folder: Path) -> None:
        self.stdout.write(
            f"{manifest.rows:,} labels in {folder / manifest.label_file}: "
            f"{manifest.matches:,} matches, {manifest.mismatches:,} mismatches."
        )
        if manifest.unclear:
            reason = Decision.Reason.UNCLEAR.label
            self.stdout.write(f"{manifest.unclear:,} left out: “{reason}” is no label.")
        if lost := manifest.without_photo:
            more = ", …" if len(lost) > SHOWN else ""
            self.stdout.write(
                f"{len(lost):,} left out, because the photo that was judged is gone from the "
                f"media folder: {', '.join(lost[:SHOWN])}{more}."
            )
