"""Who else may do something: what waits for a second person needs one to exist."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import QuerySet

_BACKEND = "django.contrib.auth.backends.ModelBackend"  # there are several; rights are this one's


def active_with(permission: str) -> QuerySet[User]:
    """The active people with this right, by themselves, by a group or as administrators."""
    return User.objects.with_perm(permission, backend=_BACKEND)


def is_another(permission: str, *, than: User) -> bool:
    """Whether an active person besides this one has the right."""
    return active_with(permission).exclude(pk=than.pk).exists()
