"""`manage.py make_secret_key`: a value for SECRET_KEY."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Print a long random text for SECRET_KEY."
    requires_system_checks = []

    def handle(self, **options: Any) -> None:
        # Letters, digits, - and _ only: a .env file gives meaning to $, # and quotes.
        self.stdout.write(secrets.token_urlsafe(48))
