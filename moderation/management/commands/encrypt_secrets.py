"""`manage.py encrypt_secrets`: when every host has been upgraded, or has another SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.integration import webhook_secrets


class Command(BaseCommand):
    help = (
        "Encrypt the secrets of webhooks by the present SECRET_KEY, and leave no plain text, by "
        "which the release before signs. Harmless to run again."
    )

    def handle(self, **options: Any) -> None:
        done = webhook_secrets.encrypt_all()
        self.stdout.write(f"Secrets of webhooks: {done.count} encrypted by this SECRET_KEY.")
        if done.lost:
            raise CommandError("\n".join(done.lost))
