"""Find by name what a command or filter was given, and name near ones where it is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from moderation.clip.checkpoints.known import full_name
from moderation.clip.folding import folded
from moderation.models import Category, ModelVersion, key_of


class UnknownName(LookupError):
    """`str(error)` is a sentence that lists near names."""

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        by_form = {folded(other): other for other in known}
        near = [by_form[form] for form in get_close_matches(folded(name), list(by_form), n=5)]
        shown = near or sorted(known)[:10]
        choices = ", ".join([*shown, *(["…"] if not near and len(known) > 10 else [])]) or "none"
        super().__init__(f"There is no {kind} “{name}”; {'near' if near else 'known'}: {choices}.")


def category_by_name(name: str) -> Category:
    """The category of this name, in any spelling. Raises `UnknownName`."""
    found = Category.objects.filter(key=key_of(name)).first()
    if found is None:
        raise UnknownName("category", name, list(Category.objects.values_list("name", flat=True)))
    return found


def version_by_name(name: str) -> ModelVersion:
    """The registered model version of this name, or preset. Raises `UnknownName`."""
    names = [name.strip(), full_name(name.strip())]
    found = ModelVersion.objects.filter(name__in=names).order_by("name").first()
    if found is None:
        known = list(ModelVersion.objects.values_list("name", flat=True))
        raise UnknownName("model version", name, known)
    return found
