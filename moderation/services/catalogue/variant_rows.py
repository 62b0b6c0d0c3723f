"""Rows that are variants of a listing which has a row of its own, anywhere in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from moderation.clip.data.tables.delimited import column_name

from .catalogue_formats import BadCell, Record
from .profiles import Variants, found

Cells = Mapping[str, object]


class VariantRows:
    """Those of one file. What is kept of them is their photos, by the key of their listing."""

    def __init__(
        self,
        layout: Variants,
        *,
        titles: Sequence[str],
        photos: Callable[[Cells], Iterable[str]],
    ) -> None:
        self._kind, self._parent = (
            [column_name(title) for title in found(titles, wanted)]
            for wanted in (layout.kind, layout.parent)
        )
        self._keys = {
            column_name(title): pattern
            for column, pattern in layout.keys.items()
            for title in found(titles, [column])
        }
        self._values = layout.values
        self._parent_title = next(iter(found(titles, layout.parent)), "")
        self._photos_of_row = photos
        self._photos: dict[str, list[str]] = {}
        self.count = 0

    @property
    def columns(self) -> list[str]:
        return [*self._kind, *self._parent, *self._keys]

    def look_through(self, records: Iterable[Record]) -> None:
        """Find the variants of each listing."""
        parents: set[str] = set()
        for _, cells in records:
            if isinstance(cells, BadCell):
                continue
            if not self._is_variant(cells):
                parents.update(self._keys_of(cells))
            else:
                self.count += 1
                if parent := self._parent_of(cells):
                    self._photos.setdefault(parent, []).extend(self._readable(cells))
        self._photos = {key: photos for key, photos in self._photos.items() if key in parents}

    def without(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records that are listings; a variant whose listing is not there is a bad row."""
        for line, cells in records:
            if isinstance(cells, BadCell) or not self._is_variant(cells):
                yield line, cells
            elif self._parent and self._parent_of(cells) not in self._photos:
                named = _text(cells, self._parent) or "(empty)"
                yield (
                    line,
                    BadCell(
                        f"{self._parent_title} is {named}, and no row of the file is that listing; "
                        "export it along with its variants.",
                        column=self._parent[0],
                        cells=cells,
                    ),
                )

    def photos_for(self, cells: Cells) -> Iterator[str]:
        for key in self._keys_of(cells):
            yield from self._photos.get(key, ())

    def _readable(self, cells: Cells) -> list[str]:
        try:
            return list(self._photos_of_row(cells))
        except BadCell:
            return []

    def _is_variant(self, cells: Cells) -> bool:
        """`variation, virtual` has two kinds."""
        kinds = {kind.strip().lower() for kind in _text(cells, self._kind).split(",")}
        return not kinds.isdisjoint(self._values)

    def _parent_of(self, cells: Cells) -> str:
        return _text(cells, self._parent).lower()

    def _keys_of(self, cells: Cells) -> list[str]:
        keys = ((pattern, _text(cells, [column])) for column, pattern in self._keys.items())
        return [pattern.format(value).lower() for pattern, value in keys if value]


def _text(cells: Cells, columns: Sequence[str]) -> str:
    """What the first of the columns that is filled says."""
    values = (str(cells.get(column) or "").strip() for column in columns)
    return next(filter(None, values), "")
