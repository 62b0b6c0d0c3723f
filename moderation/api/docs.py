"""/schema, /docs and /redoc: the API described, without one request to another host.

They hold no data, so they are open; calls made from them need a token like any other.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

# Both viewers write style elements of their own; ReDoc searches in a worker made from a blob.
_VIEWER_POLICY: dict[str, Any] = {
    "style-src": [SELF, UNSAFE_INLINE],
    "worker-src": [SELF, "blob:"],
}
_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"


class Schema(SpectacularAPIView):
    """The OpenAPI document, YAML or JSON."""


@method_decorator(csp_update(_VIEWER_POLICY), name="dispatch")
class SwaggerDocs(SpectacularSwaggerSplitView):
    """Swagger UI; its script comes from an address of its own, as the policy asks."""

    http_method_names = ["get", "head"]


@method_decorator(csp_update(_VIEWER_POLICY), name="dispatch")
class Redoc(SpectacularRedocView):
    """ReDoc, with a page that asks no font server."""

    http_method_names = ["get", "head"]
    template_name = "api/redoc.html"

    @staticmethod
    def _redoc_standalone() -> str:
        return reverse("redoc-script")


@require_safe
@cache_control(max_age=86_400)
def redoc_script(request: HttpRequest) -> HttpResponse:
    """ReDoc itself, without the address from which it would fetch its maker's logo."""
    return HttpResponse(_redoc(), content_type="text/javascript; charset=utf-8")


@cache
def _redoc() -> bytes:
    found = finders.find("drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js")
    return Path(str(found)).read_bytes().replace(_LOGO, b"data:,")
