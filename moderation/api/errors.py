"""How the API says what is wrong."""

from typing import Any

from rest_framework import views
from rest_framework.response import Response


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own answer for now."""
    return views.exception_handler(error, context)
