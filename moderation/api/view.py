"""What all endpoints share: JSON out, and a look at the request's size before it is read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .errors import LengthRequired, PayloadTooLarge

# Room for the form's text fields and boundaries beside the photo.
FORM_BYTES = 1024 * 1024
_UNKEPT = {"Cache-Control": "no-store"}


class ApiView(APIView):
    """Base of all endpoints."""

    renderer_classes = [JSONRenderer]
    # How many photos of the largest size one request may bring.
    photos_per_request = 1

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse by the headers alone, before authentication may look into the form."""
        self._check_size(request)
        super().initial(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """What people decided and what sellers write is kept by no browser and no proxy."""
        for name, value in _UNKEPT.items():
            response.headers.setdefault(name, value)
        return super().finalize_response(request, response, *args, **kwargs)

    def _check_size(self, request: Request) -> None:
        if request.META.get("HTTP_TRANSFER_ENCODING") and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        limit = self.photos_per_request * settings.MAX_UPLOAD_BYTES + FORM_BYTES
        size = int(request.META.get("CONTENT_LENGTH") or 0)
        if size > limit:
            raise PayloadTooLarge(
                f"The request has {size / 2**20:.1f} MB; at most "
                f"{self.photos_per_request * settings.MAX_UPLOAD_MB:g} MB of photos are accepted, "
                "send smaller or fewer ones."
            )


def checked(form: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """What was sent, as the form reads it. Raises the 400 that names the field at fault."""
    filled = form(data=data)
    filled.is_valid(raise_exception=True)
    found: dict[str, Any] = filled.validated_data
    return found


def person(request: Request) -> User:
    """Who sends it, where the rights let nobody else in."""
    assert isinstance(request.user, User)
    return request.user


@csrf_exempt  # else a POST that missed its address is answered with Django's page in HTML
def no_such_address(request: HttpRequest, rest: str = "") -> JsonResponse:
    """404 in the API's own form, for any address below /clip/ and /api/ that is none."""
    return JsonResponse(
        {"error": f"There is no {request.path}; /docs lists the addresses.", "field": None},
        status=404,
        headers=_UNKEPT,
    )
