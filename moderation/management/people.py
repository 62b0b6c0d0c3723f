"""Who gives a command, where it is logged under a name."""

from argparse import ArgumentParser

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def add_by(parser: ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="USER", help="who does it, for the log")


def person(name: str) -> User | None:
    """The user of this name, None without a name. Raises `CommandError`."""
    if not name:
        return None
    found = User.objects.filter(username=name).first()
    if found is None:
        raise CommandError(f"There is no user “{name}”; give the name that they log in with.")
    return found
