"""Adjustments of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

Endpoint = tuple[str, str, str, Callable[..., Any]]


def one_address_each(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Every address works with and without a slash at its end; the document shows it without."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the token."""

    target_class = "moderation.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token`, a space, and the token from `manage.py create_token`.",
        }
