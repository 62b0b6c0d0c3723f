"""What is hidden from whom, so that a blind answer stays blind."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User

from moderation.models import ReviewItem

from . import last_acts


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
