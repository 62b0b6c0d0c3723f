"""The form of a product; it goes in by the same door as an import, so its analysis is queued."""

from __future__ import annotations

from typing import Any

from django import forms

from moderation.clip.errors import ModelError
from moderation.models import Product
from moderation.services.catalogue import intake
from moderation.services.catalogue.intake import IntakeError, Listing
from moderation.services.registry import versions

_FIELDS = {"product_id": "external_id"}


class ProductForm(forms.ModelForm):
    """Fields of a listing. Nothing is saved here: the admin hands `listing()` to the intake."""

    class Meta:
        model = Product
        fields = ("external_id", "text", "image", "category", "seller")
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "maxlength": 500})}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            versions.current()
            intake.check(self.listing())
        except IntakeError as error:
            self.add_error(_FIELDS.get(error.field, error.field), str(error))
        except ModelError as error:
            raise forms.ValidationError(f"The product cannot be analysed: {error}") from error
        return data

    def listing(self) -> Listing:
        """The product as the intake takes it."""
        data = self.cleaned_data
        photo = None
        if "image" in self.changed_data and data.get("image"):
            data["image"].seek(0)
            photo = data["image"].read()
        return Listing(
            external_id=data.get("external_id") or self.instance.external_id,
            text=data["text"],
            image=photo,
            category=data["category"].name if data["category"] else "",
            seller=data["seller"],
        )
