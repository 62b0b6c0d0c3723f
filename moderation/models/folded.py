"""A column that keeps another one in the form in which it is compared."""

from __future__ import annotations

from typing import Any

from django.db import models

from moderation.clip.folding import folded


def key_of(name: str) -> str:
    """What a `FoldedField` holds for this name.

    A name that shows nothing is its own key. Some ligatures stand for 18 letters, so the key has an
    end: far beyond it names differ only where somebody wants them to.
    """
    return (folded(name) or name)[: FoldedField.LONGEST]


class FoldedField(models.CharField):
    """`key_of` another field, set whenever the row is saved, also with others at once.

    Databases cannot do it: SQLite knows the case of ASCII letters only, PostgreSQL what its locale
    says, and neither two ways to write the same accent.
    """

    LONGEST = 200

    def __init__(self, *args: Any, of: str, **options: Any) -> None:
        self.of = of
        options |= {"max_length": self.LONGEST, "editable": False}
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        del options["max_length"], options["editable"]
        return name, path, args, options | {"of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        key = key_of(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, key)
        return key
