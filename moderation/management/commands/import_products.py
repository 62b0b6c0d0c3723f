"""`manage.py import_products FILE`: products from a catalogue file."""

import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ModelError
from moderation.management.progress import progress_bar
from moderation.models import Product
from moderation.services.catalogue.catalogue_formats import ENDINGS, CatalogueFileError
from moderation.services.catalogue.catalogue_import import BadRow, ImportReport, import_catalogue

SHOWN = 50


class Command(BaseCommand):
    help = (
        f"Import products from FILE ({', '.join(ENDINGS)}) with the columns product_id, "
        "image_path, text and, where wanted, category and seller. Running it again updates."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--image-base-path",
            type=Path,
            metavar="DIR",
            help="where relative image paths start (default: the folder of FILE)",
        )
        parser.add_argument("--strict", action="store_true", help="take all rows or none")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen")
        parser.add_argument(
            "--source", choices=Product.Source.values, default=Product.Source.IMPORT
        )
        parser.add_argument(
            "--report", type=Path, metavar="CSV", help="write every bad row into this file"
        )

    def handle(self, **options: Any) -> None:
        base: Path | None = options["image_base_path"]
        if base is not None and not base.is_dir():
            raise CommandError(f"--image-base-path is {base}, which is no folder.")
        try:
            with progress_bar("Importing") as progress:
                report = import_catalogue(
                    options["file"],
                    image_base_path=base,
                    dry_run=options["dry_run"],
                    strict=options["strict"],
                    source=options["source"],
                    progress=progress,
                )
        except KeyboardInterrupt as error:
            raise CommandError(
                "Stopped. What was imported so far is kept; run the command again to continue."
            ) from error
        except (CatalogueFileError, ModelError) as error:
            raise CommandError(str(error)) from error
        self.show(report, dry_run=options["dry_run"])
        if options["report"]:
            self.write_report(options["report"], report.bad_rows)
        if report.bad_rows and options["strict"]:
            raise CommandError("Nothing was imported, because --strict takes all rows or none.")
        if not report.good:
            raise CommandError(
                "Nothing was imported: no row was good. Relative image paths start in "
                f"{(base or options['file'].parent).absolute()}."
            )

    def show(self, report: ImportReport, *, dry_run: bool) -> None:
        if report.ignored_columns:
            self.stdout.write(f"Columns not used: {', '.join(report.ignored_columns)}.")
        if report.bad_rows:
            self.stdout.write(f"{'Line':>8}  {'Column':12}  Reason")
            for row in report.bad_rows[:SHOWN]:
                self.stdout.write(f"{row.line:>8}  {row.column or '(row)':12}  {row.reason}")
            if len(report.bad_rows) > SHOWN:
                more = len(report.bad_rows) - SHOWN
                self.stdout.write(f"… and {more:,} more; --report FILE.csv writes them all.")
        self.stdout.write(
            f"{'Dry run, nothing is stored: ' if dry_run else ''}"
            f"{report.created:,} created, {report.updated:,} updated, "
            f"{report.unchanged:,} unchanged, {len(report.bad_rows):,} bad."
        )

    def write_report(self, path: Path, bad_rows: list[BadRow]) -> None:
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["line", "column", "reason"])
                writer.writerows((row.line, row.column, row.reason) for row in bad_rows)
        except OSError as error:
            raise CommandError(f"--report {path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Bad rows: {path}")
