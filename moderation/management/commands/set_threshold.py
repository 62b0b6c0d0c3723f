"""`manage.py set_threshold`: choose the thresholds of a version by what they must reach."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from moderation.clip.errors import ClipError
from moderation.management.arguments import cosine, positive, share
from moderation.services.queries import lookup
from moderation.services.registry import versions
from moderation.services.release import threshold_targets
from moderation.services.release.threshold_effect import Effect
from moderation.services.release.threshold_targets import Evidence, Proposal, Target


class Command(BaseCommand):
    help = (
        "Choose the threshold of a model version by a target, show what it would do, and set it. "
        "Only new analyses use it until `manage.py reanalyze --stale`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument(
            "--budget", type=positive, metavar="N", help="about so many reviews a day"
        )
        target.add_argument(
            "--precision", type=share, metavar="P", help="share of mismatches among the flagged"
        )
        target.add_argument(
            "--recall", type=share, metavar="R", help="share of all mismatches that is flagged"
        )
        target.add_argument("--value", type=cosine, metavar="X", help="this similarity")
        parser.add_argument(
            "--confidence",
            type=share,
            metavar="C",
            help="for --precision (default 0.9); for --recall (default: on the mean)",
        )
        parser.add_argument(
            "--arrivals",
            type=positive,
            metavar="N",
            help="for --budget: new products a day (default: the mean of four weeks)",
        )
        clear = parser.add_mutually_exclusive_group()
        clear.add_argument(
            "--clear-precision",
            type=share,
            metavar="P",
            help="also choose the band of clear mismatches, by its precision (90%% sure)",
        )
        clear.add_argument("--no-clear", action="store_true", help="remove that band")
        parser.add_argument("--model", metavar="NAME", help="model version (default: the active)")
        parser.add_argument("--dry-run", action="store_true", help="only say what it would do")

    def handle(self, **options: Any) -> None:
        name = options["model"]
        try:
            version = lookup.version_by_name(name) if name else versions.current()
            found = threshold_targets.evidence(version)
            proposal = threshold_targets.propose(found, target(options))
        except (ClipError, lookup.UnknownName) as error:
            raise CommandError(str(error)) from error
        self.show(found, proposal)
        if options["dry_run"]:
            self.stdout.write("Nothing was set (--dry-run).")
            return
        threshold_targets.set_thresholds(version, proposal)
        self.stdout.write(
            "Set and logged. New analyses use it; for the finished ones run: "
            "python manage.py reanalyze --stale"
        )
        if settings.CLIP_SIMILARITY_THRESHOLD is not None:
            self.stderr.write(
                f"CLIP_SIMILARITY_THRESHOLD is set to {settings.CLIP_SIMILARITY_THRESHOLD} and "
                "still comes first; unset it."
            )

    def show(self, found: Evidence, proposal: Proposal) -> None:
        self.stdout.write(
            f"Model: {found.version.name}, {found.catalogue.total:,} products scored, "
            f"{found.judged:,} of them judged ({found.by_lot:,} by lot), "
            f"{found.arrivals:,.1f} new a day."
        )
        if found.cached_since is not None:
            self.stdout.write(f"As it was at {timezone.localtime(found.cached_since):%H:%M}.")
        for sentence in proposal.sentences:
            self.stdout.write(sentence)
        if found.still:
            self.stdout.write(found.still.why)
            self.line("In force", found.still.effect)
        self.line("Set" if found.still else "Now", found.effect(found.version.threshold))
        self.line("Then", found.effect(proposal.threshold))
        if proposal.clear_threshold is not None:
            self.line("Clear mismatches", found.effect(proposal.clear_threshold))

    def line(self, name: str, effect: Effect) -> None:
        self.stdout.write(
            f"{name}: below {effect.threshold:.3f}, {effect.flagged:,} products "
            f"({effect.share:.1%} of the catalogue)\n"
            f"  Precision: {effect.precision_words}\n"
            f"  Recall: {effect.recall_words}"
        )


def target(options: dict[str, Any]) -> Target:
    """What the command line requests."""
    kinds = ("budget", "precision", "recall", "value")
    kind = next(kind for kind in kinds if options[kind] is not None)
    if options["confidence"] is not None and kind not in ("precision", "recall"):
        raise CommandError("--confidence goes with --precision or --recall; leave it out.")
    if options["arrivals"] is not None and kind != "budget":
        raise CommandError("--arrivals goes with --budget; leave it out.")
    return Target(
        kind=kind,  # type: ignore[arg-type]
        amount=options[kind],
        confidence=options["confidence"],
        arrivals=options["arrivals"],
        clear_precision=0.0 if options["no_clear"] else options["clear_precision"],
    )
