"""`manage.py sweep`: return what dead workers held, now instead of within the minute."""

from typing import Any

from django.core.management.base import BaseCommand

from moderation.services.scoring import claims


class Command(BaseCommand):
    help = "Put analyses of dead workers back in line and ring for the work that waits."

    def handle(self, **options: Any) -> None:
        count = claims.sweep()
        self.stdout.write(f"{count} analyses put back in line.")
