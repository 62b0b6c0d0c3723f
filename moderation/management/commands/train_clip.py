"""`manage.py train_clip`: a better model version from decisions, or from labelled pairs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ClipError
from moderation.management.arguments import count, positive, seed
from moderation.management.training_end import NOTHING_BETTER, STOPPED, check_improved
from moderation.management.training_progress import training_bar
from moderation.models import ModelVersion, TrainingRun
from moderation.services.learning import training, training_curve, training_processes, training_work
from moderation.services.queries import lookup
from moderation.services.registry import files, registering, versions
from moderation.services.worker import heartbeat

OPTIONS = (
    *("epochs", "batch_size", "learning_rate", "seed", "minutes"),
    *("train_csv", "val_csv", "image_base_path", "replay_csv"),
)
FIXED = ("mode", "dataset", "model_name", "output_dir", "device", "save_all_checkpoints")
Status = TrainingRun.Status


class Command(BaseCommand):
    help = (
        "Train a new model version from what was decided, or from a CSV of labelled pairs. It "
        "becomes a candidate; `manage.py promote` puts it to work if it is better."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add("--mode", choices=TrainingRun.Mode.values, default="auto")
        add("--train-csv", type=_file, metavar="CSV", help="image_path,text,label (1 match)")
        add("--val-csv", type=_file, metavar="CSV", help="default: a part of the train CSV")
        add("--image-base-path", type=_file, metavar="DIR", help="default: the train CSV's folder")
        add("--dataset", type=_file, metavar="DIR", help="a snapshot of `export_labels --snapshot`")
        add("--replay-csv", type=_file, metavar="CSV", help="true pairs that the base learned from")
        add("--model-name", metavar="NAME", help="what to start from (default: the active version)")
        add("--output-dir", default="", metavar="DIR", help="default: in CLIP_CHECKPOINT_DIR")
        add("--epochs", type=count)
        add("--batch-size", type=count)
        add("--learning-rate", type=positive)
        add("--minutes", type=positive, help="stop after this long and keep the best so far")
        add("--seed", type=seed, default=0)
        add("--device", choices=("auto", "cpu", "cuda", "mps"))
        add("--save-all-checkpoints", action="store_true", help="keep one for each epoch")
        add("--resume", action="store_true", help="resume the training that was cut off")
        add("--background", action="store_true", help="let the worker do it")

    def handle(self, **options: Any) -> None:
        try:
            if training_processes.is_follower():
                training_processes.follow(training_work.read_data)
                return
            run = self.resumed(options) if options["resume"] else self.asked(options)
            if options["background"]:
                self.show_queued(run)
                return
            with training_bar(self.stdout) as report:
                run = training.run(run, report=report)
        except (ClipError, lookup.UnknownName) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as stopped:
            raise CommandError(STOPPED, returncode=130) from stopped
        if run.options.get("improve"):  # a whole loop that was cut off
            check_improved(run)
        else:
            self.show_end(run)

    def asked(self, options: dict[str, Any]) -> TrainingRun:
        """A new training by the command's options."""
        if options["train_csv"] and options["dataset"]:
            raise CommandError("Give either --train-csv or --dataset, not both.")
        if options["val_csv"] and not options["train_csv"]:
            raise CommandError("--val-csv goes with --train-csv; give that too.")
        if options["image_base_path"] and not options["train_csv"]:
            raise CommandError("--image-base-path goes with --train-csv; give that too.")
        if options["replay_csv"] and options["train_csv"]:
            raise CommandError(
                "--replay-csv goes with training from decisions; a CSV of pairs has no listings "
                "to adapt to. Leave one of the two out."
            )
        wishes = {name: options[name] for name in OPTIONS}
        if options["device"] and options["device"] != "auto":
            wishes["device"] = options["device"]
        if options["save_all_checkpoints"]:
            wishes["save_all_checkpoints"] = True
        return training.request(
            mode=options["mode"],
            options=wishes,
            by=None,
            base=self.base(options["model_name"]),
            dataset=options["dataset"] or "",
            output_dir=options["output_dir"],
            foreground=not options["background"],
        )

    def base(self, name: str | None) -> ModelVersion:
        version = registering.named(name) if name else versions.current()
        files.fetch(version, progress=True)
        return version

    def resumed(self, options: dict[str, Any]) -> TrainingRun:
        new = {name: options[name] for name in (*OPTIONS, *FIXED) if name not in ("seed",)}
        given = [name for name, value in new.items() if value and value != "auto"]
        if given:
            raise CommandError(
                f"--resume keeps the options it began with; leave out --"
                f"{given[0].replace('_', '-')}, or --resume to start a new training."
            )
        run = training.cut_off()
        if run is None:
            raise CommandError("No training was cut off; leave out --resume to start a new one.")
        self.stdout.write(f"Training {run.pk} resumes: {run.get_mode_display().lower()}.")
        return training.resume(run, foreground=not options["background"])

    def show_queued(self, run: TrainingRun) -> None:
        self.stdout.write(f"Training {run.pk} waits for the worker; follow it in the admin.")
        if not heartbeat.health().alive:
            self.stdout.write("No worker is running: start `python manage.py worker`.")

    def show_end(self, run: TrainingRun) -> None:
        if run.status == Status.CANCELLED:
            raise CommandError(f"Training {run.pk} was cancelled; nothing of it was kept.")
        if run.status != Status.DONE:
            raise CommandError(
                run.error or "The training was interrupted; resume it with --resume."
            )
        write = self.stdout.write
        for reason in run.reasons:
            write(f"- {reason}")
        if words := training_curve.in_words(run.curve):
            write(words)
        if run.version is None:  # its last reason says so
            raise CommandError("No candidate was made; see above why.", returncode=NOTHING_BETTER)
        name = run.version.name
        write(self.style.SUCCESS(f"Model version {name} is a candidate: {run.version.location}"))
        write(
            f"Next: python manage.py evaluate --model {name}\n      python manage.py promote {name}"
        )


def _file(text: str) -> str:
    """A path, made absolute: the worker has another working directory."""
    return str(Path(text).expanduser().absolute())
