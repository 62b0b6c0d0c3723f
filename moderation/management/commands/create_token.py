"""`manage.py create_token USERNAME`: a token for the API, shown once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from knox.models import get_token_model


class Command(BaseCommand):
    help = "Make an API token for a user. It is stored as a hash only, so it is shown just once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--new-user",
            action="store_true",
            help="make the user: one for a program, in the group “shop”, without a password",
        )
        parser.add_argument("--days", type=int, help="days until it expires; without it: never")

    def handle(self, *, username: str, new_user: bool, days: int | None, **options: Any) -> None:
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError(f"--days is {days}; give a number from 1 to 36500.")
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
        expiry = None if days is None else timedelta(days=days)
        _, token = get_token_model().objects.create(user=user, expiry=expiry)
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
