"""`manage.py create_token USERNAME`: a token for the API, shown once."""

import re
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from moderation.models import Scope
from moderation.services.integration import tokens

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST = timedelta(days=36_500)


class Command(BaseCommand):
    help = "Make an API token for a user. It is stored as a hash only, so it is shown just once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--new-user",
            action="store_true",
            help="make the user: one for a program, in the group “shop”, without a password",
        )
        parser.add_argument("--name", default="", help="what it is for, as the admin shows it")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="SCOPE",
            help=f"what it may do, of what its user may: {', '.join(Scope.values)}; several by "
            "commas or by the option again; without it: all of them",
        )
        parser.add_argument(
            "--expires", metavar="TIME", help="how long it is good: 12h, 90d, 52w; without it: ever"
        )

    def handle(
        self,
        *,
        username: str,
        new_user: bool,
        name: str,
        scope: list[str],
        expires: str | None,
        **options: Any,
    ) -> None:
        scopes, expires_at = _scopes(scope), _moment(expires)
        if len(name) > 60:
            raise CommandError(f"--name has {len(name)} characters; give one of at most 60.")
        user = User.objects.filter(username=username).first()
        if user is None and new_user:
            user = self.make_shop_user(username)
        elif user is None:
            raise CommandError(
                f"There is no user “{username}”; add --new-user to make one for a program, or make "
                "one in the admin."
            )
        elif new_user:
            raise CommandError(f"There is a user “{username}” already; leave out --new-user.")
        if not user.is_active:
            raise CommandError(f"The user “{username}” is not active; activate it in the admin.")
        _, token = tokens.create(user, scopes=scopes, name=name, expires_at=expires_at)
        self.stdout.write(token)
        self.stderr.write("Keep it now, it is not shown again. Send it as: Authorization: Token …")

    def make_shop_user(self, username: str) -> User:
        """A user who may send products; without a password nobody can log in."""
        group = Group.objects.filter(name="shop").first()
        if group is None:
            raise CommandError(
                "There is no group “shop” yet; run `python manage.py setup` first, then this again."
            )
        user = User.objects.create_user(username)
        user.groups.add(group)
        return user


def _scopes(options: list[str]) -> list[str]:
    given = [scope.strip() for option in options for scope in option.split(",")]
    for scope in given:
        if scope not in Scope.values:
            raise CommandError(
                f"--scope {scope}: there is no such scope; give some of {', '.join(Scope.values)}."
            )
    return given or Scope.values


def _moment(expires: str | None) -> datetime | None:
    """When a token ends that is good for a time such as 90d."""
    if expires is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})([hdw])", expires)
    if found is None or int(found[1]) * _UNITS[found[2]] > _LONGEST:
        raise CommandError(
            f"--expires is {expires}; give a number with h, d or w for hours, days or weeks, such "
            "as 90d, and at most 36500d."
        )
    return timezone.now() + int(found[1]) * _UNITS[found[2]]
