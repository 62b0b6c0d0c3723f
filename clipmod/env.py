"""Reads settings from the environment; a bad value stops the start with one sentence."""

import os
import re
import zoneinfo
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T", int, float)


def _number(name: str, kind: Callable[[str], T], what: str, low: T, high: T) -> T | None:
    raw = os.environ.get(name, "").strip()
    if not raw:
        return None
    try:
        value = kind(raw)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise ImproperlyConfigured(
            f"{name} is {raw!r}; set it to {what} between {low:.12g} and {high:.12g}."
        )
    return value


def integer(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    value = _number(name, int, "a whole number", low, high)
    return default if value is None else value


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A number from `low` to `high`, both included."""
    value = _number(name, float, "a number", low, high)
    return default if value is None else value


def optional_number(name: str, *, low: float, high: float) -> float | None:
    """A number from `low` to `high`, or None where the variable is unset or empty."""
    return _number(name, float, "a number", low, high)


def boolean(name: str, default: bool) -> bool:
    """True for true/1/yes/on, False for false/0/no/off."""
    raw = os.environ.get(name, "").strip().lower()
    if not raw:
        return default
    if raw in {"true", "1", "yes", "on"}:
        return True
    if raw in {"false", "0", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {raw!r}; set it to true or false.")


def choice(name: str, default: str, *, among: tuple[str, ...]) -> str:
    """One word out of `among`."""
    raw = os.environ.get(name, "").strip() or default
    if raw not in among:
        raise ImproperlyConfigured(f"{name} is {raw!r}; set it to one of {', '.join(among)}.")
    return raw


def text(name: str, default: str = "") -> str:
    """Any text, without the spaces around it."""
    return os.environ.get(name, "").strip() or default


def matching(name: str, default: str, *, pattern: str, what: str, secret: bool = False) -> str:
    """Text of a certain form, or empty; `what` names the form in the error.

    A `secret` value, such as an address with a password, is not repeated in the error.
    """
    raw = text(name, default)
    if raw and not re.fullmatch(pattern, raw):
        found = "of another form" if secret else repr(raw)
        raise ImproperlyConfigured(f"{name} is {found}; set it to {what}.")
    return raw


def time_zone(name: str, default: str) -> str:
    """The name of a time zone, such as Europe/Berlin."""
    raw = text(name, default)
    if raw not in zoneinfo.available_timezones():
        raise ImproperlyConfigured(
            f"{name} is {raw!r}; set it to a time zone such as Europe/Berlin or UTC."
        )
    return raw


def words(name: str, default: list[str]) -> list[str]:
    """A list written with commas."""
    found = [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]
    return found or default
