"""Which part of the queue a request speaks of: its address says it, so that it can be shared."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from moderation.services.queue import review_claims
from moderation.services.queue.desk import LEADS, Desk
from moderation.services.queue.queue_field import QueueFilterError
from moderation.services.queue.queue_filter import QueueFilter

_LEADS = "leads"
_NOTHING = QueueFilter()


@dataclass(frozen=True)
class DeskAddress:
    """What an address says: the leads' desk, or a filter; one that cannot be read is none."""

    is_leads: bool
    chosen: QueueFilter = _NOTHING
    problem: str = ""  # what is wrong with the filter, as a sentence

    @classmethod
    def of(cls, request: HttpRequest) -> DeskAddress:
        is_leads = request.GET.get("desk") == _LEADS
        try:
            return cls(is_leads, QueueFilter.parse(request.GET))
        except QueueFilterError as error:
            return cls(is_leads, problem=f"{error} This is the whole queue.")

    def desk(self, moderator: User) -> Desk:
        """Raises `PermissionDenied` for the leads' desk where that is not theirs."""
        if self.is_leads:
            if not moderator.has_perm(review_claims.RESOLVE):
                raise PermissionDenied
            return LEADS
        return Desk(narrowing=None if self.chosen.is_empty else self.chosen)

    @property
    def query(self) -> str:
        """What follows the “?” in the addresses of this desk; empty for the whole queue."""
        return f"desk={_LEADS}" if self.is_leads else self.chosen.query

    @property
    def words(self) -> str:
        """The desk for people; empty for the whole queue."""
        if self.is_leads:
            return "Escalated items"
        return "" if self.chosen.is_empty else self.chosen.words

    @property
    def page(self) -> str:
        """The address of the queue at this desk."""
        return reverse("admin:queue") + (f"?{self.query}" if self.query else "")
