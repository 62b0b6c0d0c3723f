"""`manage.py erase_products`: the content of listings is gone for good."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation.management.people import add_by, person
from moderation.management.progress import progress_bar
from moderation.models import Product
from moderation.services.catalogue import erasure
from moderation.services.rules.photos_away import PhotosAway


class Command(BaseCommand):
    help = (
        "Erase products: photos, texts, ids, sellers, vectors and notes are gone for good. Scores "
        "and verdicts stay, without content. Data sets and models that were built with them are "
        "listed, and stay as they are; so do backups."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--product", action="append", metavar="ID", help="may be given again")
        chosen.add_argument("--seller", metavar="NAME", help="all products of this seller")
        parser.add_argument("--reason", required=True, help="why; it is kept on record")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_by(parser)

    def handle(
        self,
        *,
        product: list[str] | None,
        seller: str | None,
        reason: str,
        by: str,
        dry_run: bool,
        yes: bool,
        **options: Any,
    ) -> None:
        user, keys = person(by), _keys(product, seller)
        self._say(erasure.look(keys), "Would go" if dry_run else "To go")
        if dry_run:
            return
        if not yes and input("This cannot be undone. Erase it? [y/N] ").strip().lower() != "y":
            raise CommandError("Nothing was erased.")
        try:
            with progress_bar("Erasing", unit="products") as progress:
                report = erasure.erase(keys, reason=reason, by=user, progress=progress)
        except (erasure.NoReason, PhotosAway) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Erased: {', '.join(report.counts())}.")

    def _say(self, report: erasure.Report, what: str) -> None:
        self.stdout.write(f"{what}: {', '.join(report.counts())}.")
        for one in report.data_sets:
            self.stdout.write(f"Stays as it is: {one}")


def _keys(ids: list[str] | None, seller: str | None) -> list[int]:
    """The products that are meant. Raises `CommandError` where one is not there."""
    if seller is not None:
        found = list(Product.objects.filter(seller=seller).values_list("pk", flat=True))
        if not seller or not found:
            raise CommandError(f"No product is of a seller “{seller}”; check the name.")
        return found
    known = dict(Product.objects.filter(external_id__in=ids or ()).values_list("external_id", "pk"))
    unknown = [one for one in ids or () if one not in known]
    if unknown:
        raise CommandError(f"There is no product {unknown[0]!r}; check its id. Nothing was erased.")
    return list(known.values())
