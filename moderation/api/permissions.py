"""Who may call the API: by the rights of the user and, of a token, by its scopes as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from moderation.models import Scope
from moderation.services.integration import tokens

if TYPE_CHECKING:
    from rest_framework.views import APIView  # it reads this class while it is imported itself


def check_scope(request: Request, scope: Scope) -> None:
    """Refuse a token that lacks the scope; a login in a browser has none, and needs none."""
    if request.auth is not None and scope not in tokens.scopes_of(request.auth):
        raise PermissionDenied(
            f"This token lacks the scope “{scope}”: make one with `manage.py create_token USERNAME "
            f"--scope {scope}`, or give it the scope in the admin under API tokens."
        )


class ByScope(BasePermission):
    """Base of what lets tokens in: to look takes the scope `read`, all else `scope_to_write`."""

    scope_to_write = Scope.SUBMIT

    @classmethod
    def scope(cls, method: str | None) -> Scope:
        return Scope.READ if method in SAFE_METHODS else cls.scope_to_write

    def has_permission(self, request: Request, view: APIView) -> bool:
        check_scope(request, self.scope(request.method))
        return True


class OpenInDevelopment(ByScope):
    """Everybody while `API_LOGIN_REQUIRED` is false; else who has a token or is logged in."""

    message = "Send a token: Authorization: Token …; `manage.py create_token` makes one."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and (
            not settings.API_LOGIN_REQUIRED or bool(request.user and request.user.is_authenticated)
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
        if request.method in SAFE_METHODS:
            return self.may_read(request)
        if not request.user.is_authenticated:
            return True
        return request.user.has_perms(["moderation.add_product", "moderation.change_product"])

    @staticmethod
    def may_read(request: Request) -> bool:
        """Of somebody whom the site lets in at all."""
        return not settings.API_LOGIN_REQUIRED or request.user.has_perm("moderation.view_product")


class _Rights(ByScope):
    """Who is known and has the right, always: what people decided is never open."""

    to_read = ""
    to_write = ""

    def has_permission(self, request: Request, view: APIView) -> bool:
        right = self.to_read if request.method in SAFE_METHODS else self.to_write
        return super().has_permission(request, view) and bool(
            request.user and request.user.has_perm(right)
        )


class ReviewRights(_Rights):
    """To read, the right to see decisions; to act, the right to make them, as in the queue."""

    to_read = "moderation.view_decision"
    to_write = "moderation.add_decision"
    scope_to_write = Scope.DECIDE
    message = (
        "This user may not see or decide reviews; put it into the group “viewer” or “moderator” "
        "in the admin."
    )


class ErasureRights(_Rights):
    """What is erased does not come back: no group may by itself."""

    to_write = to_read = "moderation.erase_product"
    message = (
        "This user may not erase products; give it the right “Can erase products for good” in the "
        "admin."
    )


class AppealRights(_Rights):
    """Appeals are filed by the shop's own program."""

    to_read = "moderation.view_appeal"
    to_write = "moderation.add_appeal"
    message = "This user may not see or file appeals; put it into the group “shop” in the admin."
