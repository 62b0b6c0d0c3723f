"""`manage.py export_labels`: what was decided, as labels or as a data set to train on."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.arguments import moment
from moderation.management.progress import progress_bar
from moderation.models import Decision
from moderation.services.datasets import dataset, snapshots
from moderation.services.datasets.dataset_manifest import Filters, Manifest
from moderation.services.datasets.formats import DEFAULT, FORMATS, spreadsheet
from moderation.services.datasets.snapshot_manifest import SnapshotManifest
from moderation.services.queries import lookup
from moderation.services.rules.photos_away import PhotosAway

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Write the decisions that stand as labels (1 match, 0 mismatch) with their photos and a "
        "manifest. With --snapshot they are divided into parts to train and measure with. The "
        "same decisions give the same bytes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output-dir", type=Path, required=True, metavar="DIR")
        formats = parser.add_mutually_exclusive_group()
        formats.add_argument("--format", choices=FORMATS, default=DEFAULT)
        formats.add_argument(
            "--spreadsheet-safe",
            action="store_const",
            dest="format",
            const=spreadsheet.NAME,
            help="CSV in which no text is run as a formula: to open in Excel and the like",
        )
        parser.add_argument(
            "--snapshot",
            action="store_true",
            help="train, validation, calibration, test and gold, which share no product, and the "
            "shop's own listings",
        )
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the snapshot")
        parser.add_argument(
            "--max-listings",
            type=int,
            default=snapshots.MAX_LISTINGS,
            metavar="N",
            help="at most so many listings in the snapshot (%(default)s), drawn by their ids",
        )
        parser.add_argument("--since", type=moment, metavar="TIME", help="decided at TIME or later")
        parser.add_argument("--until", type=moment, metavar="TIME", help="decided before TIME")
        parser.add_argument("--category", metavar="NAME")
        parser.add_argument("--model", metavar="NAME", help="judged with this model version")
        parser.add_argument("--verdict", choices=[str(one) for one in Decision.Verdict.answers()])
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
            if options["snapshot"]:
                self.snapshot(filters, options)
            else:
                self.export(filters, options)
        except (dataset.DatasetError, lookup.UnknownName, PhotosAway) as error:
            raise CommandError(str(error)) from error

    def export(self, filters: Filters, options: dict[str, Any]) -> None:
        with progress_bar("Exporting", unit="decisions") as progress:
            manifest = dataset.export(
                options["output_dir"],
                filters=filters,
                format=options["format"],
                with_images=not options["no_images"],
                progress=progress,
            )
        self.show(manifest, options["output_dir"])
        if options["format"] == DEFAULT:
            self.stdout.write(
                f"{spreadsheet.WARNING}; --spreadsheet-safe writes a file to open there."
            )

    def snapshot(self, filters: Filters, options: dict[str, Any]) -> None:
        if options["format"] != DEFAULT:
            raise CommandError(
                "A snapshot is plain CSV; leave out --format and --spreadsheet-safe."
            )
        with progress_bar("Reading photos", unit="photos") as progress:
            manifest = snapshots.build(
                options["output_dir"],
                filters=filters,
                with_images=not options["no_images"],
                seed=options["seed"],
                max_listings=options["max_listings"],
                progress=progress,
            )
        self.show_snapshot(manifest, options["output_dir"])

    def show_snapshot(self, manifest: SnapshotManifest, folder: Path) -> None:
        self.stdout.write(f"{manifest.rows:,} labels in {folder}:")
        for name, counts in manifest.parts.items():
            self.stdout.write(
                f"  {name + '.csv':16} {counts['matches']:7,} matches "
                f"{counts['mismatches']:7,} mismatches in {counts['groups']:,} groups"
            )
        self.stdout.write(f"  {'listings.csv':16} {manifest.listings['rows']:7,} products")
        self.show_unclear(manifest.left_out["unclear"])
        if disputed := manifest.left_out["disagreement"]:
            self.stdout.write(f"{disputed:,} excluded, because two people disagree.")
        self.show_lost(manifest.without_photo)

    def show(self, manifest: Manifest, folder: Path) -> None:
        self.stdout.write(
            f"{manifest.rows:,} labels in {folder / manifest.label_file}: "
            f"{manifest.matches:,} matches, {manifest.mismatches:,} mismatches."
        )
        self.show_unclear(manifest.unclear)
        self.show_lost(manifest.without_photo)

    def show_unclear(self, number: int) -> None:
        if number:
            reasons = "” or “".join(str(reason.label) for reason in Decision.Reason.no_labels())
            self.stdout.write(f"{number:,} excluded: “{reasons}” is no label.")

    def show_lost(self, lost: list[str]) -> None:
        if lost:
            more = ", …" if len(lost) > SHOWN else ""
            self.stdout.write(
                f"{len(lost):,} excluded, because the photo that was judged is gone from the "
                f"media folder: {', '.join(lost[:SHOWN])}{more}."
            )
