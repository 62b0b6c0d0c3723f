"""Train the bundled model from a product CSV; see docs/pretraining.md."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from moderation.clip.errors import ClipError


class Command(BaseCommand):
    help = "Train a small CLIP model of its own from a product CSV and save it as a model folder."

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("catalogue", type=Path, help="CSV: image_path, text, category, source (optional)")
        add("--output-dir", type=Path, required=True, help="where the model folder goes")
        add("--image-base-path", type=Path, help="folder of the pictures (default: the CSV's)")
        add("--val-csv", type=Path, help="products whose families are kept out of training")
        add("--val-pairs", type=Path, help="CSV of labelled pairs to report quality on")
        add("--drawn", type=int, default=0, help="drawn products to mix in (default 0)")
        add("--minutes", type=float, default=60.0, help="how long to train (default 60)")
        add("--steps", type=int, help="end after this many updates instead of by the clock")
        add("--seed", type=int, default=0)
        add(
            "--threads",
            type=int,
            default=2,
            help="lanes of a CPU step, one thread each (default 2)",
        )
        add("--start-from", type=Path, help="a model folder to train further")
        add("--text-from", type=Path, help="a model folder to take the text tower of")
        add("--languages", nargs="+", default=[], help="codes of the texts' languages, such as en")
        add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="any other setting")
        add("--resume", action="store_true", help="resume a run that was cut off")
        add("--device", default="auto", help="auto, cpu, cuda or mps")

    def handle(self, *args: Any, **options: Any) -> None:
        from moderation.clip.pretrain.model import PretrainSettings
        from moderation.clip.pretrain.output import in_words

        if options["verbosity"] > 0:
            logging.basicConfig(level=logging.INFO, format="%(message)s")
        settings = PretrainSettings(
            minutes=options["minutes"],
            steps=options["steps"],
            seed=options["seed"],
            lanes=options["threads"],
        )
        try:
            settings = settings.changed(options["set"])
            clipmod = self._train(settings, options)
        except ClipError as error:
            raise CommandError(str(error)) from error
        for name, figures in clipmod["metrics"].items():
            self.stdout.write(f"ROC-AUC on {name}: {in_words(figures)}")
        self.stdout.write(self.style.SUCCESS(f"The model is in {options['output_dir']}."))

    def _train(self, settings: Any, options: dict[str, Any]) -> dict[str, Any]:
        from tqdm import tqdm

        from moderation.clip.pretrain.read import read_catalogue
        from moderation.clip.pretrain.run import pretrain
        from moderation.clip.training.task import Run
        from moderation.demo import training_products

        def progress(items: Sequence[Any], what: str) -> Iterable[Any]:
            return tqdm(items, desc=what, unit="", disable=options["verbosity"] == 0)

        data = read_catalogue(
            options["catalogue"],
            settings=settings,
            folder=options["image_base_path"],
            val_csv=options["val_csv"],
            val_pairs=options["val_pairs"],
            drawn=training_products(options["drawn"], seed=settings.seed),
            progress=progress,
        )
        with tqdm(total=1000, desc="Training", disable=options["verbosity"] == 0) as bar:

            def each_step(run: Run, loss: float) -> None:
                bar.set_postfix(step=run.step, loss=f"{loss:.3f}", refresh=False)
                bar.update(min(1000, int(1000 * run.done)) - bar.n)

            return pretrain(
                data,
                options["output_dir"],
                settings=settings,
                device=options["device"],
                resume=options["resume"],
                start_from=options["start_from"],
                text_from=options["text_from"],
                languages=options["languages"],
                each_step=each_step,
            )
