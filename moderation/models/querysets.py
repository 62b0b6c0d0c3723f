"""Queries that several rooms make of the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from .verdicts import Reason

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    # The linter takes the names in QuerySet["Analysis"] for plain text.
    from .analysis import Analysis  # noqa: F401
    from .catalog import Product  # noqa: F401
    from .decision import Decision  # noqa: F401
    from .review import ReviewItem  # noqa: F401


class ProductQuerySet(models.QuerySet["Product"]):
    def present(self) -> ProductQuerySet:
        """What the shop offers now: not withdrawn."""
        return self.filter(withdrawn_at=None)

    def scorable(self) -> ProductQuerySet:
        """Present ones whose photo, the one that the shop shows first, is here.

        Not those whose main photo moved to an address of which nothing has been fetched yet: the
        file that they have may show something else.
        """
        photos = apps.get_model("moderation", "ProductPhoto").objects
        not_here = photos.filter(product=OuterRef("pk"), position=0, image_sha256="")
        return self.present().exclude(image_sha256="").filter(~Exists(not_here))


class AnalysisQuerySet(models.QuerySet["Analysis"]):
    def pending(self) -> AnalysisQuerySet:
        return self.filter(status="pending")

    def running(self) -> AnalysisQuerySet:
        """Held by a worker."""
        return self.filter(status="running")

    def live(self) -> AnalysisQuerySet:
        """Requested and not yet answered."""
        return self.filter(status__in=["pending", "running"])

    def current(self) -> AnalysisQuerySet:
        """Those that the present products point at: one per product at most."""
        return self.filter(product__analysis=F("pk"), product__withdrawn_at=None)


class ReviewItemQuerySet(models.QuerySet["ReviewItem"]):
    def open(self) -> ReviewItemQuerySet:
        return self.filter(state="open")

    def unclaimed(self) -> ReviewItemQuerySet:
        """Open, and in nobody's hands: never claimed, or the lease ran out."""
        return self.open().filter(
            Q(claimed_by=None) | Q(claimed_until=None) | Q(claimed_until__lte=timezone.now())
        )

    def held_by(self, moderator: User) -> ReviewItemQuerySet:
        return self.open().filter(claimed_by=moderator, claimed_until__gt=timezone.now())

    def free_for(self, moderator: User) -> ReviewItemQuerySet:
        """Open, and in nobody's hands but this person's."""
        return self.unclaimed() | self.held_by(moderator)

    def escalated(self) -> ReviewItemQuerySet:
        """Those that wait for a lead."""
        return self.filter(escalated_at__isnull=False)

    def not_escalated(self) -> ReviewItemQuerySet:
        return self.filter(escalated_at__isnull=True)

    def not_escalated_by(self, moderator: User) -> ReviewItemQuerySet:
        """Without what this person asked others to decide."""
        return self.filter(Q(escalated_by=None) | ~Q(escalated_by=moderator))

    def not_skipped_by(self, moderator: User) -> ReviewItemQuerySet:
        return self.exclude(skips__moderator=moderator)

    def not_judged_by(self, moderator: User) -> ReviewItemQuerySet:
        """Without second opinions on what this moderator decided first."""
        return self.exclude(second_of__decisions__moderator=moderator)

    def most_suspicious_first(self) -> ReviewItemQuerySet:
        return self.order_by("-suspicion", "id")

    def judged_openly(self) -> ReviewItemQuerySet:
        """In the open, with no lead, and of the photo and text that the product still has."""
        same_content = self.filter(analysis__content_hash=F("product__content_hash"))
        return same_content.in_the_open().not_escalated()

    def in_the_open(self) -> ReviewItemQuerySet:
        """Shown with what the model says: neither in the random sample nor a second opinion."""
        return self.filter(in_audit=False, second_of=None)

    def blind(self) -> ReviewItemQuerySet:
        """Open, and shown without what the model, or somebody before, said: the others."""
        return self.open().filter(Q(in_audit=True) | Q(second_of__isnull=False))


class DecisionQuerySet(models.QuerySet["Decision"]):
    def standing(self) -> DecisionQuerySet:
        """Verdicts that hold: not themselves an undo, and not corrected by a later row."""
        corrected = self.model._default_manager.filter(corrects=OuterRef("pk"))
        return self.exclude(verdict="undo").filter(~Exists(corrected))

    def labels(self) -> DecisionQuerySet:
        """What counts as a label: verdicts of people that stand and say whether the pair matches.

        The pair is that of the main photo: what was said of a further one is no label of it. The
        model's own word (a band's automatic action) is none either. What was taken over for a
        similar item is one, though a copy: `by_people` leaves it out.
        """
        return self.standing().filter(photo=None).exclude(mode="automatic").telling()

    def telling(self) -> DecisionQuerySet:
        """Without those whose reason leaves open whether photo and text match."""
        return self.exclude(reason__in=Reason.no_labels())

    def of_present_products(self) -> DecisionQuerySet:
        """Without those on listings that were withdrawn: nothing new is learned from them."""
        return self.filter(analysis__product__withdrawn_at=None)

    def by_people(self) -> DecisionQuerySet:
        """Without what a band's automatic action or a similar item decided."""
        return self.exclude(mode__in=["automatic", "group"])

    def may_be_shown(self, *, to: User | AnonymousUser | None = None) -> DecisionQuerySet:
        """Without what was said of products about which somebody is asked blind now.

        Who cannot be asked, since they may not decide, sees all; and everybody what they said
        themselves. Without `to`, what may be shown to everybody.
        """
        if to is not None and not to.has_perm("moderation.add_decision"):
            return self
        blind = apps.get_model("moderation", "ReviewItem").objects.blind()
        asked = Exists(blind.filter(product=OuterRef("item__product")))
        return self.filter(~asked if to is None else ~asked | Q(moderator=to.pk))
