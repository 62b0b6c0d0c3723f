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


class ChangesProducts(OpenInDevelopment):
    """The same to read; to write, who is known also needs the rights on products, always."""

    message = (
        "This user may not change products; put it into the group “shop” (for a program) or "
        "“lead” in the admin."
    )

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        if request.method in SAFE_METHODS or not request.user.is_authenticated:
            return True
        return request.user.has_perms(["moderation.add_product", "moderation.change_product"])
