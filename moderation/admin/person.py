"""Who asks for a page."""

from django.contrib.auth.models import User
from django.http import HttpRequest


def person(request: HttpRequest) -> User:
    """Who is logged in: `admin_view` lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user
