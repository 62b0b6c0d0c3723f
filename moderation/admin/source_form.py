"""The form of a source: from where, how often, how it is read, and what becomes of what is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from moderation.models import CatalogueSource
from moderation.services.catalogue.catalogue_formats import listed
from moderation.services.catalogue.profiles import PROFILES, Role
from moderation.services.catalogue.sources import places
from moderation.services.catalogue.sources.problems import SourceError

_ROLES = listed(list(Role), by="or")


class SourceForm(forms.ModelForm):
    profile = forms.ChoiceField(
        required=False,
        choices=[("", "Recognise it"), *((one.name, one.title) for one in PROFILES.values())],
        help_text="What kind of export it is.",
    )
    mapping = forms.CharField(
        required=False,
        strip=False,
        label="Columns",
        widget=forms.Textarea(attrs={"rows": 4, "cols": 50, "placeholder": "title=Name"}),
        help_text=f"Where columns mean something else than the profile says: ROLE=COLUMN, one a "
        f"line. Roles are {_ROLES}.",
    )

    class Meta:
        model = CatalogueSource
        fields = (
            *("name", "address", "every_hours", "missing", "most_missing_share"),
            *("photos_every_hours", "profile", "guess_categories"),
        )
        labels = {"most_missing_share": "Ask above this share"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("mapping", as_lines(self.instance.columns))

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        if not address or "address" not in self.changed_data:
            return self.instance.address if address else ""
        try:
            return places.checked(address, is_anywhere=False)
        except SourceError as error:
            raise forms.ValidationError(str(error)) from error

    def clean_mapping(self) -> dict[str, list[str]]:
        columns: dict[str, list[str]] = {}
        for number, line in enumerate(self.cleaned_data["mapping"].splitlines(), 1):
            role, _, column = line.partition("=")
            role = role.strip().lower()
            if not line.strip():
                continue
            if role not in list(Role) or not column.strip():
                raise forms.ValidationError(
                    f"Line {number} is no ROLE=COLUMN, such as title=Name; roles are {_ROLES}."
                )
            columns.setdefault(role, []).append(column.strip())
        return columns

    def clean(self) -> dict[str, Any] | None:
        found = super().clean()
        if self.cleaned_data.get("every_hours") and self.cleaned_data.get("address") == "":
            self.add_error(
                "every_hours", "A source is read by itself only where it has an address; give one."
            )
        return found

    def take_over(self) -> set[str]:
        """What is no plain field, into the source; the fields that are new."""
        changed = set(self.changed_data)
        if "address" in changed:
            self.instance.is_anywhere = False
        if "mapping" in changed:
            self.instance.columns = self.cleaned_data["mapping"]
            changed.add("columns")
        return changed


def as_lines(columns: Mapping[str, Sequence[str]]) -> str:
    return "\n".join(f"{role}={column}" for role, found in columns.items() for column in found)
