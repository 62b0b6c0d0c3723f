"""How the API says what is wrong: always {"error": one sentence, "field": its name or null}."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http.request import UnreadablePostError
from rest_framework import exceptions, serializers, views
from rest_framework.response import Response
from rest_framework.settings import api_settings

from moderation.clip.errors import BatcherFull, ModelError
from moderation.services.catalogue.intake import IntakeError
from moderation.services.rules import full_disk
from moderation.services.rules.photos import NotStored, StoreAway
from moderation.services.rules.photos_away import PhotosAway

TOKEN_HINT = "Send a token as “Authorization: Token …”; `manage.py create_token` makes one."


class ErrorAnswer(serializers.Serializer[Any]):
    """Any refusal: what is wrong, and which field it is about."""

    error = serializers.CharField(
        help_text="One sentence: what is wrong, and what to do.",
    )
    field = serializers.CharField(
        allow_null=True, help_text="The field at fault, such as `items[3].image_path`, or null."
    )


class PayloadTooLarge(exceptions.APIException):
    status_code = 413
    default_code = "too_large"


class LengthRequired(exceptions.APIException):
    status_code = 411
    default_detail = "The request has no Content-Length; send it with one, not chunked."
    default_code = "length_required"


class Conflict(exceptions.APIException):
    status_code = 409
    default_code = "conflict"


class InsufficientStorage(exceptions.APIException):
    status_code = 507
    default_detail = "There is no room left on the server's disk; tell its operator."
    default_code = "insufficient_storage"


class ServiceUnavailable(exceptions.APIException):
    status_code = 503
    default_code = "unavailable"


def invalid(field: str, sentence: str) -> exceptions.ValidationError:
    """The 400 that names a field."""
    return exceptions.ValidationError({field: [sentence]})


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn whatever a view raised into the one error form; None (a 500) for what is our fault."""
    error = _known(error)
    response = views.exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        field, sentence = first_problem(error)
    else:
        field, sentence = "", spelled_out(_sentence(error, context))
    response.data = {"error": sentence, "field": field or None}
    return response


def first_problem(error: exceptions.APIException) -> tuple[str, str]:
    """The first field at fault, or "", and what is wrong with it, as one sentence."""
    field, sentence = _first(error.detail)
    if field and not sentence.startswith(field):
        sentence = f"{field}: {sentence}"
    return field, spelled_out(sentence)


def spelled_out(sentence: str) -> str:
    """What was sent is quoted, and half a character in it would stop the answer."""
    return sentence.encode("utf-8", "backslashreplace").decode()


def _known(error: Exception) -> Exception:
    """Errors of our services and of Django's request parsing, as errors of the API."""
    if full_disk.is_full(error):
        return InsufficientStorage()
    match error:
        case IntakeError():
            return invalid(error.field, str(error))
        case NotStored() if not isinstance(error, StoreAway):
            return InsufficientStorage(str(error))
        case ModelError() | BatcherFull() | PhotosAway() | StoreAway():
            return ServiceUnavailable(str(error))
        case RequestDataTooBig():
            return PayloadTooLarge("The form's text fields are too large; send less text.")
        case TooManyFilesSent() | TooManyFieldsSent():
            return exceptions.ParseError(
                "The form has too many fields; send fewer files and texts in one request."
            )
        case SuspiciousOperation():
            return exceptions.ParseError("The request cannot be read; check how it is made.")
        case UnreadablePostError():
            return exceptions.ParseError("The request broke off before its end; send it again.")
    return error


def _first(detail: Any, path: str = "") -> tuple[str, str]:
    """The first message in DRF's nested errors, with its field as `items[3].image_path`."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            if value:
                return _first(value, _joined(path, key))
    if isinstance(detail, list):
        for index, value in enumerate(detail):
            if isinstance(value, dict | list):
                if value:
                    return _first(value, f"{path}[{index}]")
            else:
                return path, str(value)
    return path, str(detail)


def _joined(path: str, key: Any) -> str:
    if key == api_settings.NON_FIELD_ERRORS_KEY:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else str(key)


def _sentence(error: Exception, context: dict[str, Any]) -> str:
    view = context.get("view")
    match error:
        case exceptions.NotAuthenticated():
            return TOKEN_HINT
        case exceptions.AuthenticationFailed():
            return f"{error.detail} {TOKEN_HINT}"
        case exceptions.MethodNotAllowed() if view is not None:
            return f"{error.detail} Use {' or '.join(view.allowed_methods)}."
        case exceptions.NotAcceptable():
            return "The answer is JSON; send “Accept: application/json” or no Accept header."
        case exceptions.UnsupportedMediaType() if view is not None:
            types = " or ".join(parser.media_type for parser in view.parser_classes)
            return f"{error.detail} Send {types}."
        case exceptions.Throttled():
            seconds = int(getattr(error, "wait", None) or 1)
            return f"Too many requests; wait {seconds} seconds and send it again."
        case exceptions.ParseError():
            return _unreadable(str(error.detail))
    return str(getattr(error, "detail", error))


def _unreadable(detail: str) -> str:
    """DRF's words for a body that cannot be parsed, made a sentence with advice."""
    kind, dash, reason = detail.partition(" parse error - ")
    if not dash:
        return detail
    if kind == "JSON":
        return f"The body is not valid JSON ({reason}); correct it and send it again."
    return f"The form cannot be read ({reason}); send multipart/form-data, as `curl -F` does."
