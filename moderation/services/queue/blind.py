"""What is hidden from whom, so that a blind answer stays blind."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, Value
from django.db.models.expressions import Combinable

from moderation.models import Decision, Product, ReviewItem

from ..queries.one_parameter import among
from . import last_acts, review_claims


def is_kept_back(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person must not see what the model, or somebody before, said of an item.

    Of a blind item nobody sees it. Of one that is closed, while its product is to be judged blind
    (as by a second opinion), nobody who might be asked: who may decide and has not decided it.
    """
    if item.state == ReviewItem.State.OPEN:
        return item.is_blind
    if not user.has_perm("moderation.add_decision"):
        return False
    asked = ReviewItem.objects.blind().filter(product=item.product_id)
    return asked.exists() and not item.decisions.filter(moderator=user.pk).exists()


def is_model_kept_back(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person must not see what the model said of an item.

    As above, and of what they judged blind for as long as they can take their verdict back: else
    they could look, undo, and decide “blind” what they have seen.
    """
    was_blind = item.in_audit or item.second_of_id is not None
    return is_kept_back(item, user=user) or (was_blind and last_acts.could_undo(item, user=user))


def is_note_kept_back(item: ReviewItem, *, user: User | AnonymousUser) -> bool:
    """Whether this person must not see what a lead was asked about an item.

    What was written blind tells nothing of the model: it reaches leads while the item is judged
    blind, too. Not so from somebody who decided this product before, and may say what.
    """
    if not is_kept_back(item, user=user):
        return False
    if not (item.is_blind and item.escalated_blind and user.has_perm(review_claims.RESOLVE)):
        return True
    before = Decision.objects.standing().filter(item__product=item.product_id)
    return before.filter(moderator=item.escalated_by_id).exists()


def is_product_kept_back(*, user: User | AnonymousUser, product: str = "pk") -> Combinable:
    """For queries: whether this person must not see what the model says of a product now.

    `product` is the path from the rows to their product. It waits to be judged blind, and this
    person may be asked: who may decide and did not give the verdict that it is a second opinion on.
    Or they judged it blind a few acts ago, and might take that back.
    """
    if not isinstance(user, User) or not user.has_perm("moderation.add_decision"):
        return Value(False, output_field=BooleanField())
    asked = ReviewItem.objects.blind().not_judged_by(user).filter(product=OuterRef(product))
    was_blind = Q(item__in_audit=True) | Q(item__second_of__isnull=False)
    own = Decision.objects.filter(was_blind, pk__in=last_acts.newest(user).values("pk"))
    judged = own.filter(item__product=OuterRef(product), corrected_by=None)
    return ExpressionWrapper(Exists(asked) | Exists(judged), output_field=BooleanField())


def products_kept_back(products: Sequence[int], *, user: User | AnonymousUser) -> set[int]:
    """Those of these products of which this person must not see what the model says now."""
    found = Product.objects.filter(among("pk", list(products)))
    found = found.annotate(is_kept_back=is_product_kept_back(user=user)).filter(is_kept_back=True)
    return set(found.values_list("pk", flat=True))


def sentence(product_id: str) -> str:
    """Why nothing is said of a product."""
    return f"{product_id!r} is to be judged blind; decide it first."
