"""What a field of the queue's filter is made of. The fields themselves stand in `queue_filter`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from moderation.models.querysets import ReviewItemQuerySet

T = TypeVar("T")

_LARGEST_KEY = 2**63 - 1


class QueueFilterError(ValueError):
    """A value that is no filter; `str(error)` is a sentence, `field` the name in the address."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def _never(value: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class QueueField(Generic[T]):
    """One thing that the queue can be narrowed by.

    `parse` takes the name in the address and what stands there, and raises `QueueFilterError`.
    """

    title: str
    parse: Callable[[str, str], T]
    apply: Callable[[ReviewItemQuerySet, T], ReviewItemQuerySet]
    words: Callable[[T], str]
    # (value, label) of each; where there is no such list, the page has a field to write into.
    choices: Callable[[], Iterable[tuple[object, str]]] | None = None
    anything: str = "Any"
    longest: int | None = None
    example: str = ""
    help: str = ""
    after_others: bool = False  # on the page; addresses keep the order of the fields
    # Whether to be let through says what the model said, or which one.
    tells_of_the_model: Callable[[T], bool] = _never
    # Whether an item alone does not tell if it is let through.
    asks_for_analyses: bool = False


def narrows(about: QueueField[T]) -> Any:
    """A dataclass field of the filter, which restricts nothing as long as it is None."""
    return field(default=None, metadata={"about": about})


# ── Ways to read a value ──────────────────────────────────────────────────────────────────────
def one_of(known: Mapping[str, str]) -> Callable[[str, str], str]:
    """Reads one of some words."""

    def parse(name: str, text: str) -> str:
        if text not in known:
            raise QueueFilterError(
                name, f"There is no {name} “{text[:40]}”; choose one of: {', '.join(known)}."
            )
        return text

    return parse


def key(name: str, text: str) -> int:
    """Reads the key of a row."""
    digits = text.lstrip("0")[:20] if text.isascii() and text.isdigit() else ""
    if not 0 < int(digits or 0) <= _LARGEST_KEY:
        raise QueueFilterError(name, f"The {name} is “{text[:40]}”; it must be a number.")
    return int(digits)
