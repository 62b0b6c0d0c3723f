"""`manage.py photo_threshold`: when a further photo flags its listing, and what that costs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.clip.errors import ClipError
from moderation.clip.statistics.binomial import wilson
from moderation.management.arguments import cosine
from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.models import ModelVersion
from moderation.services.registry import versions
from moderation.services.release import photo_threshold
from moderation.services.release.photo_threshold import Look, PhotosJudged

SHARES = (0.001, 0.005, 0.01, 0.02, 0.05)


class Command(BaseCommand):
    help = (
        "Say which listings would be flagged because a further photo does not fit their text. "
        "With VALUE, let those below it be flagged; with `off`, none. It is off until it is set: "
        "details, size charts and packages fit a text badly."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("value", nargs="?", type=_value, metavar="VALUE|off")
        add_by(parser)

    def handle(self, *, value: float | str | None, by: str, **options: Any) -> None:
        try:
            version = versions.current()
            if value is None:
                with progress_bar("Looking", unit="listings") as progress:
                    found = photo_threshold.look(version, progress=progress)
                self.show(version, found, photo_threshold.judged())
                return
        except ClipError as error:
            raise CommandError(str(error)) from error
        threshold = None if value == "off" else float(value)
        photo_threshold.set_to(version, threshold, by=person(by))
        self.stdout.write(
            "Set and logged: no further photo flags a listing."
            if threshold is None
            else f"Set and logged: further photos below {threshold:g} flag their listing."
        )
        self.stdout.write("The worker brings the scores up to date.")

    def show(self, version: ModelVersion, found: Look, said: PhotosJudged) -> None:
        present = version.photo_threshold
        is_set = "off" if present is None else f"{present:g}"
        self.stdout.write(f"Model: {version.name}. Threshold for further photos: {is_set}.")
        self.stdout.write(
            f"{found.listings:,} listings have further photos; looked at {found.worst.size:,} of "
            f"them, with {found.photos:,} photos that few listings share."
        )
        if found.worst.size:
            self.stdout.write(f"{'Below':>8}  {'Flagged':>8}  Listings")
            thresholds = {found.threshold_for(share) for share in SHARES}
            if present is not None:
                thresholds.add(present)
            for threshold in sorted(thresholds):
                share = found.flagged(threshold)
                mark = "  (set)" if threshold == present else ""
                self.stdout.write(
                    f"{threshold:>8.3f}  {share:>8.1%}  {share * found.listings:>8,.0f}{mark}"
                )
        self.stdout.write(_judged(said))


def _value(text: str) -> float | str:
    return "off" if text.strip().lower() == "off" else cosine(text)


def _judged(said: PhotosJudged) -> str:
    count = said.right + said.wrong
    if not count:
        return "None of them was judged yet, so how many are false alarms is not known."
    low, high = wilson(said.wrong / count, count, confidence=0.95)
    return (
        f"Judged so far: {count:,}. False alarms among them: {said.wrong / count:.0%} "
        f"({low:.0%} to {high:.0%})."
    )
