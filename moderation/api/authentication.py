"""Who sends a request: a token (kept as a hash only) or a logged-in browser."""

from __future__ import annotations

from typing import Any

import knox.auth
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class TokenAuthentication(knox.auth.TokenAuthentication):
    """Knox's tokens; a token that is no text at all is a wrong token, not a failure of ours.

    An expired one stays until somebody deletes it, so that whoever still sends it is told so.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        try:
            found: tuple[Any, Any] | None = super().authenticate(request)
        except ValueError as error:
            raise AuthenticationFailed("Invalid token.") from error
        return found

    def validate_user(self, auth_token: Any) -> tuple[Any, Any]:
        """Asked once the hash is known to be right: nobody else learns that there was a token."""
        if auth_token.expiry is not None and auth_token.expiry <= timezone.now():
            raise AuthenticationFailed(
                f"This token expired on {auth_token.expiry:%Y-%m-%d at %H:%M} UTC."
            )
        found: tuple[Any, Any] = super().validate_user(auth_token)
        return found

    def _cleanup_token(self, auth_token: Any) -> bool:
        return False
