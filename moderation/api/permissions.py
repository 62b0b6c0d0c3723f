"""Who may call the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it reads this class while it is imported itself


class OpenInDevelopment(BasePermission):
    """Everybody while `API_LOGIN_REQUIRED` is false; else who has a token or is logged in."""

    message = "Send a token: Authorization: Token …; `manage.py create_token` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return not settings.API_LOGIN_REQUIRED or bool(
            request.user and request.user.is_authenticated
        )


class ProductRights(OpenInDevelopment):
    """Who is known needs the right to see products where a token is asked for, and to write always
    the rights to add and change them."""

    message = (
        "This user may not see or change products; put it into the group “shop” (for a program) or "
        "“lead” in the admin."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if not request.user.is_authenticated:
            return True
        if request.method in SAFE_METHODS:
            return not settings.API_LOGIN_REQUIRED or request.user.has_perm(
                "moderation.view_product"
            )
        return request.user.has_perms(["moderation.add_product", "moderation.change_product"])


class _Rights(BasePermission):
    """Who is known and has the right, always: what people decided is never open."""

    to_read = ""
    to_write = ""

    def has_permission(self, request: Request, view: APIView) -> bool:
        right = self.to_read if request.method in SAFE_METHODS else self.to_write
        return bool(request.user and request.user.has_perm(right))


class ReviewRights(_Rights):
    """To read, the right to see decisions; to act, the right to make them, as in the queue."""

    to_read = "moderation.view_decision"
    to_write = "moderation.add_decision"
    message = (
        "This user may not see or decide reviews; put it into the group “viewer” or “moderator” "
        "in the admin."
    )


class AppealRights(_Rights):
    """Appeals are filed by the shop's own program."""

    to_read = "moderation.view_appeal"
    to_write = "moderation.add_appeal"
    message = "This user may not see or file appeals; put it into the group “shop” in the admin."
