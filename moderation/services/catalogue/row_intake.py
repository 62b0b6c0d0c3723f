"""A row of a catalogue file becomes a listing with its photo, or a bad row."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..rules.photos import NotStored
from . import intake, long_texts
from .catalogue_file import CatalogueFile
from .catalogue_photos import PhotoFolder, PhotoMissing
from .fetching import addresses
from .import_report import BadRow
from .intake import IntakeError, Listing, Photo
from .listing_rows import ListingRow
from .oddities import Oddities, shown_id

# A good row: its listing, and its photo as it is or will be in the media folder; None where only
# its address is known.
Arrival = tuple[Listing, Photo | None]


@dataclass(frozen=True)
class Candidate:
    """A row whose cells are right, and the listing they make."""

    row: ListingRow
    listing: Listing


class RowIntake:
    """Looks at the rows of one file, once. `stopped` says why no photo can be stored any more."""

    def __init__(self, file: CatalogueFile, folder: PhotoFolder) -> None:
        self.file, self.folder = file, folder
        self.oddities = Oddities()
        self.stopped = ""
        self._first_line: dict[str, int] = {}

    def check(self, row: ListingRow) -> Candidate | BadRow:
        """Look at the cells of a row, after those above it."""
        if row.problem is not None:
            return _bad(row, self.file.title_of(row.problem.column), str(row.problem))
        self.oddities.look_at(
            row.line, product_id=row.product_id, text=row.text, category=row.category
        )
        text = long_texts.beginning(row.text)
        try:
            listing = intake.check(
                Listing(row.product_id, text, None, category=row.category, seller=row.seller)
            )
            first = self._first_line.setdefault(listing.external_id, row.line)
            if first != row.line:
                raise IntakeError(
                    f"product_id {listing.external_id} stands on line {first} already; "
                    + self._of_the_same(),
                    field="product_id",
                )
            self.oddities.compare(row.line, listing.external_id, given=row.text, taken=text)
            return Candidate(row, listing)
        except IntakeError as error:
            return self._refused(row, error)

    def _of_the_same(self) -> str:
        if self.file.mapping.profile.continued:
            return "put the rows of a listing below each other."
        return "keep one of the two rows."

    def look(
        self, candidate: Candidate, *, known: dict[str, Photo], keep: bool
    ) -> Arrival | BadRow:
        """Read the photos of a row (in a thread), or take their addresses."""
        row, listing = candidate.row, candidate.listing
        main = row.photos[0] if row.photos else ""
        by_address = tuple(filter(addresses.is_address, row.photos))[: addresses.MOST]
        try:
            listing = intake.check(replace(listing, addresses=by_address))
            if addresses.is_address(main):
                return listing, None
            photo = self.folder.take(main, known=known.get(listing.external_id), keep=keep)
            others = row.photos[1 : addresses.MOST - len(by_address)]
            return replace(listing, files=self._files(others, keep=keep)), photo
        except IntakeError as error:
            return self._refused(row, error)
        except NotStored as error:
            self.stopped = str(error)
            return _bad(row, self.file.column_of("image_path"), str(error))

    def _files(self, names: Sequence[str], *, keep: bool) -> tuple[Photo, ...]:
        """The further photos that are files; one that cannot be used is left out."""
        found: dict[str, Photo] = {}
        for name in names:
            if not addresses.is_address(name):
                with contextlib.suppress(IntakeError):
                    photo = self.folder.take(name, known=None, keep=keep)
                    found.setdefault(photo.sha256, photo)
        return tuple(found.values())

    def _refused(self, row: ListingRow, error: IntakeError) -> BadRow:
        """With the file's own name for the column at fault."""
        field = "image_path" if error.field in ("image", "photos") else error.field
        column = self.file.column_of(field)
        reason = re.sub(rf"\b{field}\b", lambda _: column, str(error), count=1)
        is_missing = isinstance(error, PhotoMissing)
        return _bad(row, column, reason, missing_photo=row.photos[0] if is_missing else "")


def _bad(row: ListingRow, column: str, reason: str, *, missing_photo: str = "") -> BadRow:
    return BadRow(
        row.line,
        column,
        reason,
        product_id=shown_id(row.product_id),
        rows=row.cells,
        raw=row.problem.raw if row.problem is not None else "",
        missing_photo=missing_photo,
        given_id=row.product_id.strip(),
    )
