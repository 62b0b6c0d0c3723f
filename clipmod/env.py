"""Reads settings from the environment; a bad value stops the start with one sentence."""

import ipaddress
import os
import re
import zoneinfo
from collections.abc import Callable
from pathlib import Path
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


def days(name: str, default: int) -> int:
    """For so many days something is kept; 0, or an empty variable, is for ever."""
    if not os.environ.get(name, "0").strip():
        return 0
    return integer(name, default, low=0, high=36_500)


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


def secret_text(name: str, default: str = "") -> str:
    """A text that is better kept out of the environment: NAME_FILE may name a file that holds it.

    A relative path counts from the project's own folder.
    """
    found, file = text(name), text(f"{name}_FILE")
    if not file:
        return found or default
    if found:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; keep one of them.")
    path = Path(__file__).resolve().parent.parent / Path(file).expanduser()
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ImproperlyConfigured(f"{name}_FILE is {path}, which cannot be read: {why}.") from None
    if not found:
        raise ImproperlyConfigured(f"{name}_FILE is {path}, which is empty; write the value there.")
    return found


def secret_words(name: str) -> list[str]:
    """A list of such texts, with commas or one on each line."""
    return [word.strip() for word in re.split("[,\\n]", secret_text(name)) if word.strip()]


def matching(name: str, default: str, *, pattern: str, what: str, secret: bool = False) -> str:
    """Text of a certain form, or empty; `what` names the form in the error.

    A `secret` value, such as an address with a password, is not repeated in the error, and may
    stand in a file.
    """
    raw = secret_text(name, default) if secret else text(name, default)
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


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks, written with commas."""
    found = []
    for word in words(name, []):
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} has {word!r}; set it to addresses and networks with commas, such as "
                "10.0.0.7, 10.1.0.0/16."
            ) from error
    return found


def hosts_and_networks(name: str) -> list[str]:
    """Names of hosts, addresses and networks, written with commas."""
    found = words(name, [])
    for word in found:
        try:
            ipaddress.ip_network(word)
        except ValueError as error:
            # A name ends in a letter or a digit, and in no number: 10.0.0.300 is none.
            if re.fullmatch(r"(?![0-9.]+$)([A-Za-z0-9_-]+\.)*[A-Za-z0-9-]+", word):
                continue
            raise ImproperlyConfigured(
                f"{name} has {word!r}; set it to names of hosts, addresses and networks with "
                "commas, such as cdn.shop.internal, 10.0.0.7, 10.1.0.0/16."
            ) from error
    return found


def words(name: str, default: list[str]) -> list[str]:
    """A list written with commas."""
    found = [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]
    return found or default
