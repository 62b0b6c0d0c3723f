"""`manage.py import_products FILE`: products from a catalogue file."""

from argparse import ArgumentParser, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.data.tables.encodings import printable
from moderation.clip.errors import ModelError
from moderation.management.mapping import add_map, add_profile, columns_of
from moderation.management.progress import progress_bar
from moderation.models import Product
from moderation.services.catalogue import saved_mappings
from moderation.services.catalogue.catalogue_formats import ENDINGS, CatalogueFileError
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.catalogue.column_mapping import (
    Choice,
    ColumnMapping,
    NotRecognised,
    SeveralFit,
)
from moderation.services.catalogue.import_report import BadRow, ImportReport, write_bad_rows
from moderation.services.catalogue.profiles import PROFILES
from moderation.services.catalogue.saved_mappings import MappingError, MappingNameInUse

SHOWN = 50


class Command(BaseCommand):
    help = (
        f"Import products from FILE ({', '.join(ENDINGS)}): a plain catalogue with the columns "
        "product_id, image_path, text and, where wanted, category and seller, or what a shop "
        f"exports ({', '.join(sorted(PROFILES))}). Running it again updates."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--image-base-path",
            type=Path,
            metavar="DIR",
            help="where relative image paths start (default: the folder of FILE)",
        )
        read = parser.add_mutually_exclusive_group()
        read.add_argument(
            "--as",
            dest="saved",
            metavar="NAME",
            help="read FILE by the mapping that was saved by this name",
        )
        add_profile(read)
        add_map(parser)
        parser.add_argument(
            "--save-as",
            metavar="NAME",
            help="save how FILE is read by a name, for --as and the admin's import",
        )
        parser.add_argument(
            "--replace", action="store_true", help="with --save-as: also where the name is in use"
        )
        parser.add_argument(
            "--guess-categories",
            action=BooleanOptionalAction,
            help="category names that are new become guesses of the model; else they are there for "
            "filters and thresholds alone (default: as saved with --as NAME, else no)",
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
        choice = self.choice(options)
        try:
            with progress_bar("Importing") as progress:
                report = import_catalogue(
                    options["file"],
                    choice=choice,
                    image_base_path=base,
                    dry_run=options["dry_run"],
                    strict=options["strict"],
                    source=options["source"],
                    guess_categories=self.guess_categories,
                    progress=progress,
                )
        except KeyboardInterrupt as error:
            raise CommandError(
                "Stopped. What was imported so far is kept; run the command again to continue."
            ) from error
        except NotRecognised as error:
            raise CommandError(
                f"{error} Or say which they are: --map id=COLUMN --map title=COLUMN --map "
                "photos=COLUMN."
            ) from error
        except SeveralFit as error:
            raise CommandError(f"{error} Say which: --profile NAME.") from error
        except (CatalogueFileError, ModelError) as error:
            raise CommandError(str(error)) from error
        folder = (base or options["file"].parent).resolve()
        self.show(report, folder, dry_run=options["dry_run"])
        if options["save_as"]:
            self.save(report.mapping, options)
        if options["report"]:
            self.write_report(report, options["report"], folder)
        if report.stopped:
            raise CommandError(
                f"Stopped: {report.stopped} What is counted above is kept; then import the file "
                "again, which goes on from there."
            )
        if report.bad_rows and options["strict"]:
            raise CommandError("Nothing was imported, because --strict takes all rows or none.")
        if not report.good:
            raise CommandError(
                f"Nothing was imported: no row was good. Relative image paths start in {folder}."
            )

    def choice(self, options: dict[str, Any]) -> Choice:
        """What is said of the file. Before anything is read, a name that cannot be is refused."""
        self.guess_categories = bool(options["guess_categories"])
        if options["replace"] and not options["save_as"]:
            raise CommandError("--replace goes with --save-as NAME.")
        try:
            if options["save_as"]:
                saved_mappings.check_name(options["save_as"], replace=options["replace"])
            saved = Choice(options["profile"])
            if options["saved"]:
                source = saved_mappings.named(options["saved"])
                saved = saved_mappings.choice_of(source)
                if options["guess_categories"] is None:
                    self.guess_categories = source.guess_categories
        except MappingNameInUse as error:
            raise CommandError(f"{error} Or add --replace.") from error
        except MappingError as error:
            raise CommandError(str(error)) from error
        return Choice(saved.profile, {**saved.columns, **columns_of(options["map"])})

    def save(self, mapping: ColumnMapping, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            self.stdout.write("A dry run saves no mapping.")
            return
        try:
            source = saved_mappings.save(
                options["save_as"],
                mapping,
                guess_categories=self.guess_categories,
                by=None,
                replace=options["replace"],
            )
        except MappingError as error:
            raise CommandError(f"The listings are imported. {error}") from error
        self.stdout.write(f"Saved as {source.name}: the next file may be read --as it.")

    def show(self, report: ImportReport, folder: Path, *, dry_run: bool) -> None:
        self.show_mapping(report.mapping)
        if report.assumed:
            self.stdout.write(report.assumed)
        if report.ignored_columns:
            self.stdout.write(f"Columns not used: {', '.join(report.ignored_columns)}.")
        for warning in report.warnings:
            self.stdout.write(f"Warning: {warning}")
        if report.photos_missing:
            self.stdout.write(
                f"There is no photo for {report.photos_missing:,} rows (the first is "
                f"{report.first_missing}). Relative image paths start in {printable(str(folder))}; "
                f"name another folder with --image-base-path, or correct {report.photo_column}."
            )
        self.show_bad_rows(report.rows_to_tell)
        for told in report.layout_told:
            self.stdout.write(told)
        if report.new_categories:
            self.stdout.write(new_categories(report, guessed=self.guess_categories))
        if report.unread and report.unread.words:
            self.stdout.write(report.unread.words)
        if report.read and report.read.words:
            self.stdout.write(report.read.words)
        self.stdout.write(
            f"{'Dry run, nothing is stored: ' if dry_run else ''}"
            f"{report.created:,} created, {report.updated:,} updated, "
            f"{report.unchanged:,} unchanged, {len(report.bad_rows):,} bad."
        )
        if (report.created or report.updated) and not dry_run:
            self.stdout.write("The worker analyses them; what is flagged is at /admin/queue/.")

    def show_mapping(self, mapping: ColumnMapping) -> None:
        self.stdout.write(f"Profile {mapping.profile.name}. {mapping.evidence}")
        read = [f"{role} from {', '.join(columns)}" for role, columns in mapping.columns.items()]
        self.stdout.write(f"Read: {printable('; '.join(read))}.")

    def show_bad_rows(self, bad_rows: list[BadRow]) -> None:
        if bad_rows:
            self.stdout.write(f"{'Line':>8}  {'Column':12}  Reason")
        for row in bad_rows[:SHOWN]:
            self.stdout.write(f"{row.line:>8}  {row.column or '(row)':12}  {row.reason}")
        if len(bad_rows) > SHOWN:
            more = len(bad_rows) - SHOWN
            self.stdout.write(f"… and {more:,} more; --report FILE.csv writes them all.")

    def write_report(self, report: ImportReport, path: Path, folder: Path) -> None:
        try:
            write_bad_rows(report, path)
        except OSError as error:
            raise CommandError(f"--report {path} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Bad rows: {printable(str(path))}")
        if report.bad_rows:
            base = "" if path.resolve().parent == folder else f" with --image-base-path {folder}"
            self.stdout.write(f"Mend them in that file and import it{printable(base)}.")


def new_categories(report: ImportReport, *, guessed: bool) -> str:
    """How many categories are new, and what they are for."""
    number = len(report.new_categories)
    if guessed:
        return f"Categories that are new: {number:,}; the model may guess them."
    return (
        f"Categories that are new: {number:,}, for filters and thresholds; the model does not "
        "guess them (--guess-categories)."
    )
