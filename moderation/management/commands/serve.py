"""`manage.py serve`: web server and worker together, for one machine."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.running.site import Site, SiteError


class Command(BaseCommand):
    help = "Run the web server and the worker together until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")

    def handle(self, *, port: int, host: str, **options: Any) -> None:
        site = Site(port=port, host=host)
        site.start()
        try:
            site.wait_until_up()
            self.stdout.write(f"clipmod runs at {site.address}/ - Ctrl-C stops it.")
            site.run()
        except SiteError as error:
            raise CommandError(str(error)) from error
