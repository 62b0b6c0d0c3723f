"""Argument types that several commands share; each refuses in a sentence."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, time

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def moment(text: str) -> datetime:
    """A date (its first moment) or a date and time; in the site's time zone where none is named."""
    try:
        day = parse_date(text)
        found = datetime.combine(day, time.min) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no date; write 2026-05-31 or 2026-05-31T14:30.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def cosine(text: str) -> float:
    """A threshold: a similarity between -1 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -1 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} is no threshold; give a number between -1 and 1.")
    return value


def positive(text: str) -> float:
    """A number above 0, such as minutes or a rate."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number above 0.")
    return value


def count(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text!r} is no whole number above 0.")
    return int(text)


def seed(text: str) -> int:
    """The seed of a random generator: a whole number, 0 or more."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is no seed; give a whole number, 0 or more.")
    return int(text)


def share(text: str) -> float:
    """A share between 0 and 1, both excluded."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is no share; give a number between 0 and 1, like 0.9.")
    return value


def add_accept_licence(parser: ArgumentParser) -> None:
    """Let a person say that they may use a model whose licence keeps some shops out."""
    parser.add_argument(
        "--accept-licence",
        action="store_true",
        help="you have read the model's licence and may use it (`manage.py models` shows which)",
    )
