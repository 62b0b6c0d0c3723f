"""Who sends a request: a token (kept as a hash only) or a logged-in browser."""

from __future__ import annotations

from typing import Any

import knox.auth
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class TokenAuthentication(knox.auth.TokenAuthentication):
    """Knox's tokens; a token that is no text at all is a wrong token, not a failure of ours."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        try:
            found: tuple[Any, Any] | None = super().authenticate(request)
        except ValueError as error:
            raise AuthenticationFailed("Invalid token.") from error
        return found
