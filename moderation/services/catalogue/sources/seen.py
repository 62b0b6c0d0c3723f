"""What a run finds: the listings that its file still has, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db.models import F

from moderation.models import SourceListing, SourceRun

from ...queries.one_parameter import among
from .. import intake
from ..import_report import BadRow, Causes
from ..intake import IntakeError, Outcome
from ..intake_bulk import Stored
from ..oddities import is_blank
from . import due


class Seen:
    """Takes note chunk by chunk, so that it needs no memory; nothing of a run that is lost."""

    def __init__(self, run: SourceRun, owner: str, *, check: Callable[[], None]) -> None:
        self.run, self.owner, self._check = run, owner, check
        self.causes = Causes()
        self.unread_line = 0  # of the first row of which nobody knows whose it is

    def stored(self, stored: Stored) -> None:
        """With the listings themselves, or not at all."""
        self._check()
        due.check_pause()
        outcomes = [outcome for _, outcome in stored]
        due.renew(  # first: whoever has lost the run writes nothing
            self.run,
            self.owner,
            created=F("created") + outcomes.count(Outcome.CREATED),
            updated=F("updated") + outcomes.count(Outcome.UPDATED),
        )
        SourceListing.objects.bulk_create(
            [
                SourceListing(source_id=self.run.source_id, product=product, run=self.run)
                for product, _ in stored
            ],
            update_conflicts=True,
            unique_fields=["source", "product"],
            update_fields=["run"],
        )

    def refused(self, rows: Sequence[BadRow]) -> None:
        """A listing whose row is bad is not gone."""
        for row in rows:
            self.causes.add(row)
            if not self.unread_line and _may_hide_others(row):
                self.unread_line = row.line
        ids = [row.given_id for row in rows if _may_be_stored(row.given_id)]
        named = SourceListing.objects.filter(among("product__external_id", ids))
        named.filter(source=self.run.source_id).update(run=self.run)


def _may_be_stored(external_id: str) -> bool:
    try:
        intake.check_characters(product_id=external_id)
    except IntakeError:
        return False
    return True


def _may_hide_others(row: BadRow) -> bool:
    """Whether it does not say whose it is, or swallowed the rows below it."""
    return is_blank(row.given_id) or len(row.raw.strip().splitlines()) > 1
