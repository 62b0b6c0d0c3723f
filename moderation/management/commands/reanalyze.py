"""`manage.py reanalyze`: score products again, or judge them again by another threshold."""

import json
import time
from argparse import ArgumentParser
from datetime import UTC
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.management.arguments import cosine, moment
from moderation.management.progress import progress_bar
from moderation.management.shadow_text import as_text
from moderation.models import ModelVersion
from moderation.services.queries import lookup
from moderation.services.registry import files, versions
from moderation.services.release import shadow
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.scoring import analyze, claims, reanalyze
from moderation.services.scoring.reanalyze import Job, Which
from moderation.services.worker import heartbeat

# A round derives and asks; the next one picks up what a worker had claimed meanwhile.
ROUNDS = 3
NOT_BESIDE_SHADOW = ("threshold", "since", "dry_run", "in_process")


class Command(BaseCommand):
    help = (
        "Score products again in the background and watch until it is done. A changed threshold "
        "runs no model, a changed text encodes no photo. Run it again to resume after a stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="every product")
        which.add_argument("--category", metavar="NAME", help="the products of a category")
        which.add_argument("--failed", action="store_true", help="whose last analysis failed")
        which.add_argument(
            "--stale",
            action="store_true",
            help="without a score, or scored by another model, content, text preparation, "
            "threshold or calibration than holds now",
        )
        which.add_argument(
            "--shadow",
            action="store_true",
            help="every product by --model, beside the model that runs: report what its flags "
            "would be and touch neither products nor queue",
        )
        parser.add_argument("--model", metavar="NAME", help="model version (default: the active)")
        parser.add_argument(
            "--threshold",
            type=cosine,
            metavar="X",
            help="judge by X this once; to keep it, set it on the category or as "
            "CLIP_SIMILARITY_THRESHOLD",
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="resume a run of --all or --category that started at TIME (it prints so)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument(
            "--json", action="store_true", help="print the report of --shadow as JSON"
        )
        parser.add_argument(
            "--in-process", action="store_true", help="run the model here, not in the worker"
        )

    def handle(self, **options: Any) -> None:
        job: Job | None = None
        try:
            if options["shadow"]:
                self.refuse_beside_shadow(options)
                self.shadow(options["model"], as_json=options["json"])
                return
            if options["json"]:
                raise CommandError("--json prints the report of --shadow; add that, or leave it.")
            job = self.job(options)
            if options["dry_run"]:
                self.show_plan(job)
                return
            self.start(job, resumed=options["since"] is not None)
            for _ in range(ROUNDS):
                if not self.work(job, in_process=options["in_process"]):
                    break
        except (ModelError, PhotosAway, lookup.UnknownName) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            if job is None:  # in a shadow, or while a model's files are looked up
                raise
            left = reanalyze.unanswered(job)
            self.stdout.write(
                f"\nStopped watching. {left:,} products wait; a running worker continues with them "
                "in the background. Run the command again to continue with the rest."
            )

    def refuse_beside_shadow(self, options: dict[str, Any]) -> None:
        given = [name for name in NOT_BESIDE_SHADOW if options[name] not in (None, False)]
        for name in given:
            raise CommandError(
                f"--{name.replace('_', '-')} does not go with --shadow, which changes nothing and "
                "judges by the versions' own thresholds; leave one of them out."
            )

    def job(self, options: dict[str, Any]) -> Job:
        name, model = options["category"], options["model"]
        version = lookup.version_by_name(model) if model else versions.current()
        if model and version.status == ModelVersion.Status.CANDIDATE:
            raise CommandError(
                f"{version.name} is a candidate: its scores come into products and queue only "
                "once it is promoted. Add --shadow to see what it would flag."
            )
        if model:
            files.folder_of(version)  # here, not later in the worker
        return Job(
            which=Which.FAILED
            if options["failed"]
            else Which.STALE
            if options["stale"]
            else Which.ALL,
            version=version,
            category=lookup.category_by_name(name) if name else None,
            threshold=options["threshold"],
            since=options["since"],
        )

    def shadow(self, model: str | None, *, as_json: bool) -> None:
        if not model:
            raise CommandError("--shadow compares a version; name it with --model NAME.")
        with progress_bar("Scoring", unit="products") as progress:
            found = shadow.run(lookup.version_by_name(model), progress=progress)
        if as_json:
            self.stdout.write(json.dumps(found.report, indent=2, ensure_ascii=False))
        else:
            self.stdout.write(as_text(found))

    def show_plan(self, job: Job) -> None:
        with progress_bar("Looking", unit="products") as progress:
            tally = reanalyze.look(job, progress=progress)
        self.stdout.write(
            f"Model: {job.version.name}\n"
            f"{tally.asked:,} products would be scored by the model.\n"
            f"{tally.scored:,} would be scored from cached vectors.\n"
            f"{tally.derived:,} would be judged again without running it.\n"
            f"{tally.waiting:,} wait for an answer already, {tally.done:,} need nothing.\n"
            f"Flags: {tally.newly_flagged:,} more, {tally.no_longer_flagged:,} fewer, "
            f"{tally.unknown:,} not known before the model has run."
        )
        if tally.second_asked:
            self.stdout.write(f"The second judge would be asked of {tally.second_asked:,}.")

    def start(self, job: Job, *, resumed: bool) -> None:
        self.stdout.write(f"Model: {job.version.name}")
        if job.which is Which.ALL and not job.is_about_thresholds and not resumed:
            now = timezone.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.stdout.write(f"To resume after an interruption, add: --since {now}")

    def work(self, job: Job, *, in_process: bool) -> bool:
        """One round; True where another one may find something to do."""
        with progress_bar("Asking", unit="products") as progress:
            tally = reanalyze.run(job, progress=progress)
        self.stdout.write(
            f"{tally.scored:,} scored from cached vectors, "
            f"{tally.derived:,} judged again without the model, {tally.asked:,} requested, "
            f"{tally.waiting:,} waiting already, {tally.done:,} done before."
        )
        if tally.second_asked:
            self.stdout.write(
                f"The second judge is asked of {tally.second_asked:,}, in the background."
            )
        if not tally.asked and not tally.waiting:
            return False
        return self.follow(job, in_process=in_process) and job.is_about_thresholds

    def follow(self, job: Job, *, in_process: bool) -> bool:
        """Wait until everything requested is answered; False where nobody answers."""
        last = reanalyze.newest_key()
        total = left = reanalyze.unanswered(job, up_to=last)
        with progress_bar("Analysing", unit="products") as progress:
            while left:
                if in_process:
                    self.answer()
                elif not heartbeat.health().alive:
                    break
                else:
                    time.sleep(1)
                left = reanalyze.unanswered(job, up_to=last)
                progress(total - left, total)
        if left:
            self.stdout.write(
                f"{left:,} products wait, but no worker is running: start `python manage.py "
                "worker`, or add --in-process."
            )
        return not left

    def answer(self) -> None:
        if not analyze.run_pending(owner=heartbeat.me(), seconds=2):
            claims.sweep()  # a worker that is gone may still hold some
            time.sleep(1)
