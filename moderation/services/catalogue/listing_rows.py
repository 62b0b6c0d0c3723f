"""The listings of a catalogue file: its rows, read as its profile says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from moderation.clip.data.tables.delimited import column_name
from moderation.clip.texts.markup import without_markup

from .catalogue_formats import BadCell, Content, Record, Wanted
from .cell_values import category_of, photos_of, shown_value, text_of
from .column_mapping import ColumnMapping
from .profiles import Role, found
from .variant_rows import VariantRows

ROWS_AT_MOST = 10_000  # of one listing; what follows is told as a second one with its id

Cells = Mapping[str, object]


@dataclass(frozen=True)
class ListingRow:
    """A listing as its file has it, from the row on `line`; None where there is no such column.

    `photos` are paths and addresses, the main one first. `cells` are those of its rows that were
    looked at, by the columns of the file. `problem` says why it cannot be taken.
    """

    line: int
    product_id: str
    text: str
    category: str | None
    seller: str | None
    photos: tuple[str, ...]
    cells: tuple[Mapping[str, str], ...]
    variants: int = 0
    problem: BadCell | None = None


class Listings:
    """Those of one file. `look_through` comes first: it counts them and finds their variants."""

    def __init__(self, content: Content, mapping: ColumnMapping) -> None:
        self.content, self.mapping, self.profile = content, mapping, mapping.profile
        self.count = self.variants = 0
        titles = [title for title in content.titles if title]
        self._titles = {column_name(title): title for title in titles}
        self._find = partial(_found, titles)
        self._columns = {
            role: [column_name(title) for title in columns]
            for role, columns in mapping.columns.items()
        }
        layout = self.profile.continued
        self._position = self._find(layout.position if layout else ())
        self._variant = self._find(layout.variant if layout else ())
        self._variant_photos = self._find(layout.variant_photos if layout else ())
        self._of_variants = (
            VariantRows(self.profile.variants, titles=titles, photos=self._photos_of_row)
            if self.profile.variants
            else None
        )
        self._wanted = Wanted(used=self._used(), needed=self._needed())

    @property
    def used(self) -> tuple[str, ...]:
        """The columns that are looked at, in the order and spelling of the file."""
        return tuple(title for name, title in self._titles.items() if name in self._wanted.used)

    def look_through(self) -> None:
        """Read all of the file once. Raises what the format raises."""
        layout = self.profile
        if self.content.row_count is not None and not (layout.continued or layout.variants):
            self.count = self.content.row_count
            return
        if self._of_variants:
            self._of_variants.look_through(self.content.records(self._wanted))
            self.variants = self._of_variants.count
        for group in self._groups():
            self.count += 1
            self.variants += self._variants_in(group)

    def __iter__(self) -> Iterator[ListingRow]:
        return map(self._listing, self._groups())

    # ── Rows that belong together ─────────────────────────────────────────────────────────────
    def _groups(self) -> Iterator[list[Record]]:
        records = self.content.records(self._wanted)
        if self._of_variants:
            records = self._of_variants.without(records)
        if not self.profile.continued:
            yield from ([record] for record in records)
            return
        group: list[Record] = []
        key = ""
        for line, cells in records:
            if isinstance(cells, BadCell):
                yield [(line, cells)]  # the rows around it may still be one listing
                continue
            own = self._id_of(cells)
            if group and (own != key or not own or len(group) == ROWS_AT_MOST):
                yield group
                group = []
            group.append((line, cells))
            key = own
        if group:
            yield group

    def _id_of(self, cells: Cells) -> str:
        values = (str(cells.get(name) or "").strip() for name in self._columns[Role.ID])
        return next(filter(None, values), "")

    def _variants_in(self, group: list[Record]) -> int:
        """Of the rows after the first those that say something that only a variant has."""
        rows = [cells for _, cells in group[1:] if not isinstance(cells, BadCell)]
        return sum(any(str(row.get(name) or "").strip() for name in self._variant) for row in rows)

    # ── One listing ───────────────────────────────────────────────────────────────────────────
    def _listing(self, group: list[Record]) -> ListingRow:
        line, first = group[0]
        problem = first if isinstance(first, BadCell) else None
        rows = [cells.cells if isinstance(cells, BadCell) else cells for _, cells in group]
        try:
            return self._made(line, rows, problem=problem, variants=self._variants_in(group))
        except BadCell as error:
            return self._made(line, rows, problem=error, variants=0)

    def _made(
        self, line: int, rows: Sequence[Cells], *, problem: BadCell | None, variants: int
    ) -> ListingRow:
        """With a problem, whatever can be read of the rows is."""
        read = partial(self._first, rows, lenient=problem is not None)
        product_id = read(Role.ID) or ""
        title = read(Role.TITLE) or ""
        text = title if title.strip() else without_markup(read(Role.DESCRIPTION) or title)
        return ListingRow(
            line=line,
            product_id=product_id,
            text=text,
            category=read(Role.CATEGORY),
            seller=read(Role.SELLER),
            photos=() if problem else tuple(dict.fromkeys(self._photos(rows))),
            cells=tuple(self._shown(row) for row in rows),
            variants=variants,
            problem=problem,
        )

    def _first(self, rows: Sequence[Cells], role: Role, *, lenient: bool) -> str | None:
        """What the first filled cell of this role says; None where there is no such column."""
        said = None
        for row in rows:
            for name in self._columns.get(role, ()):
                if name not in row:
                    continue
                said = self._said(row[name], name, role=role, lenient=lenient)
                if said.strip():
                    return said
        return said

    def _said(self, value: object, name: str, *, role: Role, lenient: bool) -> str:
        try:
            text = text_of(value, self._titles[name])
        except BadCell:
            if not lenient:
                raise
            return str(value)
        if role != Role.CATEGORY:
            return text
        profile = self.profile
        return category_of(
            text, levels=profile.category_levels, divided_by=profile.categories_divided_by
        )

    def _photos(self, rows: Sequence[Cells]) -> Iterator[str]:
        """Those of the listing in the order of their positions, then those of its variants."""
        for row in sorted(rows, key=self._place) if self._position else rows:
            yield from self._photos_of_row(row)
        for row in rows:
            yield from self._photos_of_row(row, columns=self._variant_photos)
        if self._of_variants:
            yield from self._of_variants.photos_for(rows[0])

    def _place(self, row: Cells) -> float:
        place = next((str(row[name]).strip() for name in self._position if row.get(name)), "")
        return int(place) if place.isdecimal() else float("inf")

    def _photos_of_row(self, row: Cells, *, columns: Sequence[str] | None = None) -> Iterator[str]:
        for name in self._columns[Role.PHOTOS] if columns is None else columns:
            yield from photos_of(
                row.get(name),
                self._titles[name],
                divided_by=self.profile.photos_divided_by,
                none=self.profile.not_a_photo,
            )

    def _shown(self, row: Cells) -> Mapping[str, str]:
        return {
            title: shown_value(row[name])
            for name, title in self._titles.items()
            if name in self._wanted.used and name in row
        }

    # ── Columns ───────────────────────────────────────────────────────────────────────────────
    def _used(self) -> set[str]:
        of_roles = (name for names in self._columns.values() for name in names)
        of_layout = (*self._position, *self._variant, *self._variant_photos)
        of_variants = self._of_variants.columns if self._of_variants else ()
        return {*of_roles, *of_layout, *of_variants, *map(column_name, self.mapping.signs)}

    def _needed(self) -> list[str]:
        """The columns without which a row is bad: those that nothing else stands in for."""
        if self.profile.continued or self.profile.variants:
            return []
        texts = [*self._columns.get(Role.TITLE, ()), *self._columns.get(Role.DESCRIPTION, ())]
        groups = (self._columns[Role.ID], self._columns[Role.PHOTOS], texts)
        return [names[0] for names in groups if len(names) == 1]


def _found(titles: Sequence[str], wanted: Sequence[str]) -> list[str]:
    return [column_name(title) for title in found(titles, wanted)]
