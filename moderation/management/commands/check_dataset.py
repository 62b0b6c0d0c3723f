"""`manage.py check_dataset`: whether a CSV of labelled pairs is fit for training."""

import json
import shlex
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.data import dataset_check, dataset_split
from moderation.clip.data.dataset_report import DatasetReport
from moderation.clip.errors import ClipError
from moderation.management.arguments import share
from moderation.management.progress import progress_bar

SHOWN = 5


class Command(BaseCommand):
    help = (
        "Look through a CSV with the columns image_path,text,label (1 match, 0 mismatch) and say "
        "what is wrong with it. Ends with 1 where it is not fit for training. With --split it is "
        "divided into train.csv and val.csv, and no product stands in both."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("csv", type=Path)
        parser.add_argument(
            "--image-base-path",
            type=Path,
            metavar="DIR",
            help="where the image paths start; the CSV's folder by default",
        )
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--split", type=share, metavar="SHARE", help="to train on, as in 0.8")
        parser.add_argument("--output-dir", type=Path, metavar="DIR", help="for --split: a new one")
        parser.add_argument("--seed", type=int, default=0, metavar="N", help="for --split")

    def handle(self, **options: Any) -> None:
        if (options["split"] is None) != (options["output_dir"] is None):
            raise CommandError("--split and --output-dir go together; give both or neither.")
        folder = options["image_base_path"]
        if folder and not folder.is_dir():
            raise CommandError(f"--image-base-path is {folder}, and there is no such folder.")
        try:
            table = dataset_check.read(options["csv"])
            with progress_bar("Reading photos", unit="photos") as progress:
                report = dataset_check.check(
                    table,
                    folder=options["image_base_path"] or options["csv"].parent,
                    progress=progress,
                )
            parts = []
            if options["split"] and report.is_fit:
                parts = dataset_split.split(
                    table,
                    report,
                    folder=options["output_dir"],
                    share=options["split"],
                    seed=options["seed"],
                )
        except ClipError as error:
            raise CommandError(str(error)) from error
        self.show(report, parts, options)
        if not report.is_fit:
            raise SystemExit(1)

    def show(
        self,
        report: DatasetReport,
        parts: list[dataset_split.Part],
        options: dict[str, Any],
    ) -> None:
        if options["json"]:
            about = report.as_json()
            if options["split"]:
                about["parts"] = [vars(part) for part in parts]
                about["next"] = next_command(options) if parts else ""
            self.stdout.write(json.dumps(about, indent=2, ensure_ascii=False))
            return
        self.stdout.write(
            f"{options['csv'].name}: {report.rows:,} rows, {report.matches:,} matches, "
            f"{report.mismatches:,} mismatches."
        )
        for finding in report.findings:
            self.stdout.write(f"  {finding.severity:8}{finding.message}{_lines(finding.lines)}")
        self.stdout.write(report.verdict)
        if options["split"] and not parts:
            self.stdout.write("Nothing was divided.")
        for part in parts:
            self.stdout.write(
                f"{options['output_dir'] / part.file}: {part.matches:,} matches, "
                f"{part.mismatches:,} mismatches in {part.groups:,} groups."
            )
        if parts:
            self.stdout.write(f"Next: {next_command(options)}")


def next_command(options: dict[str, Any]) -> str:
    """The training of the parts, whose image paths still start in the first CSV's folder."""
    train, val = (options["output_dir"] / name for name in dataset_split.FILES)
    base = options["image_base_path"] or options["csv"].parent
    words = ["--train-csv", train, "--val-csv", val, "--image-base-path", base]
    return "python manage.py train_clip " + shlex.join(map(str, words))


def _lines(lines: list[int]) -> str:
    if not lines:
        return "."
    more = ", …" if len(lines) > SHOWN else ""
    what = "line" if len(lines) == 1 else "lines"
    return f" ({what} {', '.join(map(str, lines[:SHOWN]))}{more})"
