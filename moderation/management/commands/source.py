"""`manage.py source`: where listings come from again and again."""

import re
import time
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.formats import date_format

from moderation.management.mapping import add_map, add_profile, columns_of
from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.models import CatalogueSource, SourceRun
from moderation.services.catalogue.sources import due, missing, places, run, upkeep, words
from moderation.services.catalogue.sources.problems import SourceError
from moderation.services.worker import heartbeat, pause

_LONGEST = 24 * 365
_UNITS = {"h": 1, "d": 24}


class Command(BaseCommand):
    help = (
        "Sources: files, folders and feeds that are read again and again, with what becomes of "
        "listings that are gone. The worker reads those with an interval."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        add = what.add_parser("add", help="add a source")
        add.add_argument("name", metavar="NAME")
        add.add_argument(
            "address",
            nargs="?",
            default="",
            metavar="ADDRESS",
            help="a file, a folder (its newest file is read) or an https address; none: its files "
            "are given to `source run`",
        )
        _add_wishes(add)
        add_profile(add)
        add_map(add)
        change = what.add_parser("change", help="change what is given, and no more")
        change.add_argument("name", metavar="NAME")
        change.add_argument("--address", metavar="ADDRESS", help="where it lies from now on")
        _add_wishes(change)
        what.add_parser("list", help="all sources, with their last run and next time")
        now = what.add_parser("run", help="read a source now, and watch it")
        now.add_argument("name", metavar="NAME")
        now.add_argument("--file", type=Path, metavar="FILE", help="of a source without an address")
        answer = what.add_parser("answer", help="say what becomes of listings that are gone")
        answer.add_argument("name", metavar="NAME")
        answer.add_argument("answer", choices=missing.Missing.values)
        remove = what.add_parser("remove", help="remove a source; its listings stay as they are")
        remove.add_argument("name", metavar="NAME")
        for one in (add, change, now, answer, remove):
            add_by(one)

    def handle(self, *, what: str, **options: Any) -> None:
        try:
            _DOES[what](self, options)
        except SourceError as error:
            raise CommandError(str(error)) from error

    # ── What it can do ────────────────────────────────────────────────────────────────────────
    def add(self, options: dict[str, Any]) -> None:
        name = options["name"].strip()
        if not name or len(name) > 100:
            raise CommandError("The name has 1 to 100 characters; give another.")
        if CatalogueSource.objects.filter(name=name).exists():
            raise CommandError(f"There is a source {name} already; `source change` changes it.")
        columns = columns_of(options["map"])
        source = CatalogueSource(
            name=name,
            profile=options["profile"],
            columns={role.value: named for role, named in columns.items()},
        )
        wishes = {name: value for name, value in options.items() if value is not None}
        upkeep.save(source, changed=_take_over(source, wishes), by=person(options["by"]))
        source.refresh_from_db()
        self.stdout.write(f"Added {source}, {words.interval(source)}. {_next(source)}")

    def change(self, options: dict[str, Any]) -> None:
        source = _source(options["name"])
        wishes = {name: value for name, value in options.items() if value is not None}
        upkeep.save(source, changed=_take_over(source, wishes), by=person(options["by"]))
        source.refresh_from_db()
        self.stdout.write(f"Changed {source}, {words.interval(source)}. {_next(source)}")

    def show(self, options: dict[str, Any]) -> None:
        sources = list(CatalogueSource.objects.all())
        for source in sources:
            where, when = source.address or "files given by hand", words.interval(source)
            self.stdout.write(f"{source}: {where}, {when}. {_next(source)}")
            if (last := source.runs.first()) is not None:
                self.stdout.write(f"  {last.get_state_display()}: {words.told(last)}")
        if not sources:
            self.stdout.write("There is no source; `source add NAME ADDRESS` adds one.")

    def run(self, options: dict[str, Any]) -> None:
        source, file = _source(options["name"]), options["file"]
        if file is not None and source.address:
            raise CommandError(f"{source} has an address; leave out --file, or add another source.")
        if file is not None and not file.is_file():
            raise CommandError(f"{file} is not a file; give the path of a catalogue file.")
        live = source.runs.filter(state__in=due.LIVE).first()
        if live is not None and file is None:
            self._join(live)
            return
        _check_pause()
        owner = heartbeat.me()
        self._work(due.begin(source, owner, by=person(options["by"])), owner, file)

    def answer(self, options: dict[str, Any]) -> None:
        source = _source(options["name"])
        answered = missing.answer(source, options["answer"], by=person(options["by"]))
        if answered.state == SourceRun.State.WAITING:
            self._join(answered)
        else:
            self.stdout.write("They are kept, and are the source's no longer.")

    def remove(self, options: dict[str, Any]) -> None:
        source = _source(options["name"])
        upkeep.remove(source, by=person(options["by"]))
        self.stdout.write(f"Removed {source}. Its listings stay as they are.")

    def _join(self, live: SourceRun) -> None:
        """Do what waits, or await what the worker does."""
        owner = heartbeat.me()
        while live.state in due.LIVE:
            _check_pause()
            if claimed := due.claim_one(live.pk, owner):
                self._work(claimed, owner, None)
                return
            time.sleep(0.5)
            live.refresh_from_db()
        self._tell(live)

    def _work(self, one: SourceRun, owner: str, file: Path | None) -> None:
        """Here and now, not in the worker."""
        with progress_bar("Importing") as progress:
            run.work(one, owner, file=file, progress=progress)
        one.refresh_from_db()
        self._tell(one)

    def _tell(self, one: SourceRun) -> None:
        if one.state == SourceRun.State.FAILED:
            raise CommandError(words.told(one))
        self.stdout.write(f"{one.get_state_display()}: {words.told(one)}")
        for problem in one.problems:
            column = problem["column"] or "(row)"
            self.stdout.write(f"  {problem['rows']:,} rows, {column}: {problem['cause']}")


def _check_pause() -> None:
    if pause.present():
        raise CommandError("All work is paused; the run waits until somebody resumes it.")


_DOES = {
    "add": Command.add,
    "change": Command.change,
    "list": Command.show,
    "run": Command.run,
    "answer": Command.answer,
    "remove": Command.remove,
}


def _add_wishes(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=_hours, metavar="6h", help="read it so often: 6h, 2d; 0: by hand only"
    )
    parser.add_argument(
        "--missing",
        choices=missing.Missing.values,
        help="what becomes of listings that are gone (default: keep)",
    )
    parser.add_argument(
        "--ask-above",
        type=_share,
        metavar="SHARE",
        help="ask before more than this share of its listings is withdrawn (default: 0.2)",
    )
    parser.add_argument(
        "--guess-categories",
        action=BooleanOptionalAction,
        help="category names that are new become guesses of the model (default: no)",
    )
    parser.add_argument(
        "--photos-every",
        type=_hours,
        metavar="1d",
        help="ask for changed photos with a run, at most so often; 0: never (default)",
    )


_FIELDS = {
    "every_hours": "every",
    "photos_every_hours": "photos_every",
    "missing": "missing",
    "most_missing_share": "ask_above",
    "guess_categories": "guess_categories",
}


def _take_over(source: CatalogueSource, wishes: dict[str, Any]) -> set[str]:
    """What is wished, into the unsaved source; the fields that it changed."""
    changed = {"profile", "columns"} if source.pk is None else set()
    for field, option in _FIELDS.items():
        if option in wishes:
            never = field.endswith("_hours") and not wishes[option]
            setattr(source, field, None if never else wishes[option])
            changed.add(field)
    if "address" in wishes:
        address = wishes["address"]
        is_feed = places.is_feed(address)
        source.address = places.checked(address, is_anywhere=True) if address else ""
        source.is_anywhere = bool(address) and not is_feed
        if source.is_anywhere and not Path(source.address).exists():
            raise SourceError(f"There is no file and no folder {source.address}.")
        changed.add("address")
    if source.every_hours and not source.address:
        raise SourceError("A source is read by itself only where it has an address; give one.")
    return changed


def _source(name: str) -> CatalogueSource:
    found = CatalogueSource.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(CatalogueSource.objects.values_list("name", flat=True)[:10]) or "none"
        raise CommandError(f"There is no source {name}; there is: {known}.")
    return found


def _next(source: CatalogueSource) -> str:
    if source.next_at is None:
        return "It runs when it is asked to."
    if source.next_at <= timezone.now():
        return "The worker reads it now."
    return f"Next: {date_format(timezone.localtime(source.next_at), 'j F Y, H:i')}."


def _hours(text: str) -> int:
    found = re.fullmatch(r"(\d+)([hd]?)", text.strip().lower())
    hours = int(found[1]) * _UNITS[found[2] or "h"] if found else -1
    if not 0 <= hours <= _LONGEST:
        raise ArgumentTypeError(f"{text} is no time such as 6h or 2d, of at most a year.")
    return hours


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is no share; give a number from 0 to 1, like 0.2.")
    return value
