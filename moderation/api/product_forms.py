"""Products as the shop sends them: with a file in a form, or by addresses in JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from moderation.services.catalogue.fetching import addresses
from moderation.services.catalogue.intake import Listing

from .fields import ListingTextField, OptionalNameField, PhotoField, ProductIdField


@extend_schema_field(
    {
        "type": "string",
        "maxLength": addresses.LONGEST,
        "pattern": r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(/[!-~]*)?$",
        "example": "https://cdn.shop.example/photos/1.jpg",
    }
)
class AddressField(serializers.CharField):
    """Where a photo lies; the worker fetches it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("It is not a text; send the address of a photo.")
        try:
            return addresses.checked(super().to_internal_value(data))
        except addresses.BadAddress as error:
            raise serializers.ValidationError(str(error)) from error


class _Addresses(serializers.Serializer[Any]):
    """What both ways have: `image_url` is the main photo, or the only one; `photos` follow it."""

    product_id = ProductIdField()
    text = ListingTextField()
    category = OptionalNameField()
    seller = OptionalNameField()
    photos = serializers.ListField(
        child=AddressField(),
        required=False,
        max_length=addresses.MOST,
        help_text="The addresses of its photos in their order, the main one first.",
    )


class ProductForm(_Addresses):
    """A product with its photo as a file; `photos` are the further ones."""

    image = PhotoField(
        required=False, help_text="Needed for a new product; left out, the photo stays."
    )

    def to_listing(self) -> Listing:
        """As the intake takes it, of valid data."""
        image = self.validated_data.get("image")
        return _listing(self.validated_data, image=image.read() if image else None)


class ProductByAddress(_Addresses):
    """A product whose photos the worker fetches."""

    image_url = AddressField(
        required=False, help_text="The main photo, or the only one, instead of `photos`."
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """In JSON a number is no text, whose digits might be an id that begins with 0."""
        if isinstance(data, dict):
            for name in ("product_id", "text", "category", "seller"):
                if not isinstance(data.get(name, ""), str):
                    raise serializers.ValidationError({name: ["It is not a text; send a string."]})
        found: dict[str, Any] = super().to_internal_value(data)
        return found

    def validate(self, form: dict[str, Any]) -> dict[str, Any]:
        if "image_url" in form and "photos" in form:
            raise serializers.ValidationError(
                {"image_url": ["Send either image_url or photos, which has the main photo first."]}
            )
        return form

    def to_listing(self) -> Listing:
        """As the intake takes it, of valid data."""
        data = self.validated_data
        given = [data["image_url"]] if "image_url" in data else data.get("photos")
        return _listing({**data, "photos": given}, image=None)


def _listing(data: dict[str, Any], *, image: bytes | None) -> Listing:
    photos = data.get("photos")
    return Listing(
        external_id=data["product_id"],
        text=data["text"],
        image=image,
        category=data.get("category"),
        seller=data.get("seller"),
        addresses=tuple(photos) if photos else None,
    )
