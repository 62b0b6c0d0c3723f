"""/schema, /docs and /redoc: the API described, without one request to another host.

They hold no data, so they are open; calls made from them need a token like any other.
"""

from __future__ import annotations

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
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


class Schema(SpectacularAPIView):
    """The OpenAPI document, YAML or JSON."""


@method_decorator(csp_update(_VIEWER_POLICY), name="dispatch")
class SwaggerDocs(SpectacularSwaggerSplitView):
    """Swagger UI; its script comes from an address of its own, as the policy asks."""


@method_decorator(csp_update(_VIEWER_POLICY), name="dispatch")
class Redoc(SpectacularRedocView):
    """ReDoc, with a page that asks no font server."""

    template_name = "api/redoc.html"
