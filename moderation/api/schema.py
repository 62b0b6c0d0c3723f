"""Adjustments of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from .permissions import ByScope

Endpoint = tuple[str, str, str, Callable[..., Any]]


def one_address_each(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Every address works with and without a slash at its end; the document shows it without."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


# No database of ours holds a NUL; and blanks alone are no text where one is asked for.
_TEXT = r"^[^\x00]*$"
_TEXT_NOT_BLANK = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"


class Operation(AutoSchema):
    """What drf-spectacular reads off a view, what all of ours have in common, and the scope that a
    token needs."""

    def _map_serializer(
        self, serializer: Any, direction: str, bypass_extensions: Any = False
    ) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)
        if direction == "request":
            # After drf-spectacular, which takes a text with a pattern for one that is never empty.
            properties = schema.get("properties", {})
            properties.update({name: _without_nul(one) for name, one in properties.items()})
        return schema

    def _get_parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super()._get_parameters()
        for one in parameters:
            if one["in"] == "query":
                one["schema"] = _without_nul(one["schema"])
        return parameters

    def _get_request_body(self, direction: str = "request") -> Any:
        """A choice between JSON forms must be sent as well; drf-spectacular knows of single ones.

        Not said where a multipart form may come instead: of two required bodies
        openapi-python-client 0.29 makes a module that cannot be imported.
        """
        body = super()._get_request_body(direction)
        if body and len(body["content"]) == 1:
            (content,) = body["content"].values()
            component = content["schema"].get("$ref", "").rpartition("/")[2]
            found = component and self.registry[component, ResolvedComponent.SCHEMA].schema
            if not component or "oneOf" in found:  # a list has no name
                body["required"] = True
        elif body:
            body.pop("required", None)
        return body

    def get_operation(self, *asked: Any) -> dict[str, Any] | None:
        found: dict[str, Any] | None = super().get_operation(*asked)
        scopes = [
            permission.scope(self.method)
            for permission in self.view.get_permissions()
            if isinstance(permission, ByScope)
        ]
        if found is not None and scopes:
            needs = f"A token needs the scope `{scopes[0]}`."
            found["description"] = f"{found.get('description', '')}\n\n{needs}".strip()
        return found

    def get_auth(self) -> list[dict[str, list[str]]]:
        asked: list[dict[str, list[str]]] = super().get_auth()
        permissions = self.view.get_permissions()
        anonymous: Any = SimpleNamespace(user=AnonymousUser(), auth=None, method=self.method)
        is_open = all(one.has_permission(anonymous, self.view) for one in permissions)
        return [*asked, {}] if asked and is_open and {} not in asked else asked


def _without_nul(schema: Any) -> Any:
    """What is true of every text that is sent, where the field does not say more."""
    if schema.get("type") == "array":
        return schema | {"items": _without_nul(schema["items"])}
    if schema.get("type") != "string" or {"format", "enum", "pattern"} & schema.keys():
        return schema
    return schema | {"pattern": _TEXT_NOT_BLANK if schema.get("minLength") else _TEXT}


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the token."""

    target_class = "moderation.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token`, a space, and the token from `manage.py create_token`. "
            "It does what its user may do, as far as its scopes go.",
        }
