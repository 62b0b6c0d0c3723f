"""`manage.py serve`: web server and worker together, for one machine."""

from argparse import ArgumentParser
from ipaddress import ip_address
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.services.running.site import Site, SiteError


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; a name other than localhost may lead anywhere."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Command(BaseCommand):
    help = "Run the web server and the worker together until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--public",
            action="store_true",
            help="listen on an address that other machines reach, without a proxy in front: some "
            "dozens of slow connections then stop the site for everybody, as each holds a thread "
            "while it drips; a proxy such as nginx holds them instead (docs/operations.md)",
        )

    def handle(self, *, port: int, host: str, public: bool, **options: Any) -> None:
        if not (public or _is_loopback(host)):
            raise CommandError(
                f"Other machines reach {host}, and some dozens of slow connections would stop the "
                "site for everybody. Put a proxy such as nginx in front and leave --host out, or "
                "add --public to do without."
            )
        site = Site(port=port, host=host)
        site.start()
        try:
            site.wait_until_up()
            self.stdout.write(f"clipmod runs at {site.address}/ - Ctrl-C stops it.")
            site.run()
        except SiteError as error:
            raise CommandError(str(error)) from error
