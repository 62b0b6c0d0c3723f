"""`manage.py demo` (`make run`): clipmod at work on a shop that it draws itself; and its end."""

from __future__ import annotations

import socket
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from moderation.management import demo_text
from moderation.services.queue import review_queue
from moderation.services.running import demo, demo_logins, demo_removal, demo_report, erasing
from moderation.services.running.site import Site, SiteError
from moderation.services.worker import heartbeat


class Command(BaseCommand):
    help = (
        "Set up a demo shop, start web server and worker, and report what was caught; or remove "
        "the demo shop again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--once",
            action="store_true",
            help="print the report and serve nothing, beside a running site too",
        )
        parser.add_argument(
            "--verbose",
            action="store_true",
            help="list every planted mismatch, and tell how to see the model learn",
        )
        parser.add_argument(
            "--remove",
            action="store_true",
            help="take the demo shop out again, with its analyses, decisions, photos and logins",
        )
        parser.add_argument(
            "--yes", action="store_true", help="with --remove: do not ask for confirmation"
        )

    def handle(self, **options: Any) -> None:
        if options["remove"]:
            self.remove(asks=not options["yes"])
        elif options["yes"]:
            raise CommandError("--yes confirms --remove; add that, or leave it.")
        elif options["once"]:
            self.report_once(options["port"], verbose=options["verbose"])
        else:
            self.run(options["port"], verbose=options["verbose"])

    def remove(self, *, asks: bool) -> None:
        count = demo_removal.found()
        if asks and not self.confirmed(count):
            self.stdout.write("Nothing was removed.")
            return
        try:
            removed = demo_removal.remove()
        except erasing.NotPermitted as error:
            raise CommandError(str(error)) from error
        self.stdout.write(demo_text.of_removal(removed))

    def confirmed(self, count: int) -> bool:
        question = (
            f"This removes {count} demo products with their analyses, decisions and photos, for "
            "good. Products of yours stay. Continue? [y/N] "
        )
        try:
            return input(question).strip().lower() in ("y", "yes")
        except EOFError as error:
            raise CommandError("Nobody is there to confirm it; add --yes.") from error

    def report_once(self, port: int, *, verbose: bool) -> None:
        """The report, without a web server, and with a worker only where no other one works."""
        self.refuse_in_production()
        self.prepare()
        site = Site(port=port)
        try:
            self.wait_for_analyses(site)
            if not site.stopping.is_set():
                self.stdout.write(demo_text.of_report(demo_report.report(), verbose=verbose))
        except SiteError as error:
            raise CommandError(str(error)) from error
        finally:
            site.stop()

    def run(self, port: int, *, verbose: bool) -> None:
        self.refuse_in_production()
        self.check_port(port)
        self.prepare()
        self.stdout.write("Starting the web server and the worker ...")
        site = Site(port=port)
        site.start()
        try:
            site.wait_until_up()
            self.wait_for_analyses(site)
            if not site.stopping.is_set():
                self.stdout.write(demo_text.of_report(demo_report.report(), verbose=verbose))
                self.show_login(site)
            site.run()
        except SiteError as error:
            raise CommandError(str(error)) from error
        finally:
            site.stop()
        self.stdout.write("clipmod has stopped.")

    def refuse_in_production(self) -> None:
        try:
            demo.refuse_in_production()
        except demo.DemoRefused as error:
            raise CommandError(str(error)) from error

    def check_port(self, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} is taken; choose another one: PORT={port + 10} make run"
                ) from error

    def prepare(self) -> None:
        """Tables, seeds, login and products; each step does nothing where it was done before."""
        call_command("migrate", verbosity=0)
        call_command("setup", stdout=self.stdout)
        demo_logins.make()
        if not demo.is_drawn():
            with tqdm(total=demo.PRODUCTS, desc="Drawing products", unit="") as bar:
                demo.draw(progress=lambda done, _: bar.update(done - bar.n))
        new, there = demo.bring_in()
        self.stdout.write(f"Demo shop: {new} products new, {there} there already.")

    def wait_for_analyses(self, site: Site) -> None:
        total = demo_report.waiting()
        if not total:
            return
        with tqdm(total=total, desc="Analysing", unit="") as bar:
            while (left := demo_report.waiting()) and not site.stopping.is_set():
                if name := site.dead():
                    raise SiteError(f"The {name} ended by itself; see its messages above.")
                health = heartbeat.health()
                if health.doing.startswith(heartbeat.CANNOT_LOAD):
                    raise SiteError(f"The worker {health.doing}")
                if not site.is_started and not health.alive:
                    site.start_worker()
                self.tell(bar, health.doing)
                if total - left > bar.n:
                    bar.update(total - left - bar.n)
                time.sleep(0.3)
            bar.update(total - left - bar.n)

    def tell(self, bar: tqdm[Any], doing: str) -> None:
        """What the worker does now: its model takes longer to load than the first photos."""
        if doing and doing not in (bar.postfix or ""):
            bar.set_postfix_str(doing)

    def show_login(self, site: Site) -> None:
        name = demo_logins.USERNAME
        drawn = demo_report.drawn()
        at_random = f", {drawn} of them drawn at random" if drawn else ""
        self.stdout.write(
            f"\nThe queue holds {review_queue.counts().open} products{at_random}: "
            f"{site.address}/admin/queue/"
            f"\nLog in as {name} with the password {demo_logins.PASSWORD}."
            f"\nA colleague, {demo_logins.LEAD}, has the same one; both are leads, and what one "
            "escalates the other decides."
            f"\nAPI: {site.address}/docs\nCtrl-C stops everything."
        )
