"""`manage.py demo` (`make run`): clipmod at work on a shop that it draws itself."""

import socket
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from moderation.clip.finetune.refusals import MIN_OF_EACH
from moderation.clip.finetune.settings import MIN_LABELS
from moderation.services.queue import review_queue
from moderation.services.running import demo
from moderation.services.running.site import Site, SiteError
from moderation.services.worker import heartbeat


class Command(BaseCommand):
    help = "Set up a demo shop, start web server and worker, and report what was caught."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--once", action="store_true", help="stop after the report instead of serving on"
        )

    def handle(self, *, port: int, once: bool, **options: Any) -> None:
        try:
            demo.refuse_in_production()
        except demo.DemoRefused as error:
            raise CommandError(str(error)) from error
        self.check_port(port)
        self.prepare()
        site = Site(port=port)
        site.start()
        try:
            site.wait_until_up()
            self.wait_for_analyses(site)
            if not site.stopping.is_set():
                self.show_report()
                self.show_login(site)
            if once:
                site.stop()
            else:
                site.run()
        except SiteError as error:
            raise CommandError(str(error)) from error
        finally:
            site.stop()
        self.stdout.write("clipmod has stopped.")

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
        demo.make_logins()
        if not demo.is_drawn():
            with tqdm(total=demo.PRODUCTS, desc="Drawing products", unit="") as bar:
                demo.draw(progress=lambda done, _: bar.update(done - bar.n))
        new, there = demo.bring_in()
        self.stdout.write(f"Demo shop: {new} products new, {there} there already.")

    def wait_for_analyses(self, site: Site) -> None:
        total = demo.waiting()
        if not total:
            return
        with tqdm(total=total, desc="Analysing", unit="") as bar:
            while (left := demo.waiting()) and not site.stopping.is_set():
                if name := site.dead():
                    raise SiteError(f"The {name} ended by itself; see its messages above.")
                if (doing := heartbeat.health().doing).startswith(heartbeat.CANNOT_LOAD):
                    raise SiteError(f"The worker {doing}")
                if total - left > bar.n:
                    bar.update(total - left - bar.n)
                time.sleep(0.3)
            bar.update(total - left - bar.n)

    def show_report(self) -> None:
        found = demo.report()
        write = self.stdout.write
        failed = f", {found.failed} failed" if found.failed else ""
        write(f"\n{found.analysed} products analysed{failed}, {found.flagged} flagged.")
        write(f"{found.caught} of {len(found.planted)} planted mismatches caught:")
        for planted in found.planted:
            mark = "caught" if planted.caught else "missed"
            write(f"  {mark}  {planted.product_id}  {planted.mismatch:13}  “{planted.text}”")
        if found.budget:
            write(
                f"A threshold of {found.budget.threshold:.2f} would flag the "
                f"{found.budget.flagged} most suspicious and catch {found.budget.caught}; see "
                "“Model and threshold” in the README."
            )
        if found.lesson:
            write(
                f"\nTo see the model learn, put about {found.lesson.flagged} of the most "
                f"suspicious in the queue, {found.lesson.caught} of them planted:\n"
                f"  python manage.py set_threshold --value {found.lesson.threshold:.3f}\n"
                "  python manage.py reanalyze --stale\n"
                "Decide them and press “Improve the model”. It begins from "
                f"{MIN_OF_EACH} matches and {MIN_OF_EACH} mismatches on and trains weights from "
                f"{MIN_LABELS} decisions on, less those that are kept for judging. Only a model "
                "that is proven better is activated; this shop is too small for such a proof."
            )

    def show_login(self, site: Site) -> None:
        self.stdout.write(
            f"\nThe queue holds {review_queue.counts().open} products: {site.address}/admin/queue/"
            f"\nLog in as {demo.USERNAME} with the password {demo.PASSWORD}."
            f"\nA colleague, {demo.LEAD}, has the same one and decides what {demo.USERNAME} "
            "escalates."
            f"\nAPI: {site.address}/docs\nCtrl-C stops everything."
        )
