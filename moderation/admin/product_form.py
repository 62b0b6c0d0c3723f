"""The form of a product; it goes in by the same door as an import, so its analysis is queued."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect

from moderation.clip.errors import ModelError
from moderation.models import Product
from moderation.services.catalogue import intake
from moderation.services.catalogue.intake import IntakeError, Listing
from moderation.services.registry import versions
from moderation.services.rules.photos import NotStored

_FIELDS = {"product_id": "external_id"}


class ProductForm(forms.ModelForm):
    """Fields of a listing. Only its photo is stored here, so that the form can say where that
    fails; the admin hands `listing()` to the intake.
    """

    class Meta:
        model = Product
        fields = ("external_id", "text", "image", "category", "seller")
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "maxlength": 500})}
        # What a photo is, the intake says: a form's ImageField refuses some that it takes.
        field_classes = {"image": forms.FileField}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            versions.current()
            listing = intake.check(self.listing())
            if listing.image is not None:
                intake.store_photo(listing.image)
        except NotStored as error:
            self.add_error("image", str(error))
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


class KnownCategory(AutocompleteSelect):
    """Shows a form again whatever was sent as its category."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        keys = [one for one in value if re.fullmatch("[0-9]{1,18}", str(one))]
        return super().optgroups(name, keys, attrs)
