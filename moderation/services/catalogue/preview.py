"""The first listings of a file as they would be stored, with what speaks against some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from moderation.clip.data.tables.encodings import printable

from ..rules import texts_read
from .catalogue_file import CatalogueFile
from .catalogue_photos import PhotoFolder
from .fetching import addresses
from .import_report import BadRow
from .intake import IntakeError, Listing
from .listing_rows import ListingRow
from .oddities import shown_id
from .row_intake import Arrival, Candidate, RowIntake

LISTINGS = 20
_TEXT_AT_MOST = 300  # of a bad row, whose text may be the rest of a file


@dataclass(frozen=True)
class Previewed:
    """A listing as it would be; `problem` says why it would not.

    The main photo is the file at `path`, or at an `address`; `further` photos come after it. `read`
    is what the model reads where that is not the text.
    """

    line: int
    product_id: str
    text: str
    read: str = ""
    category: str = ""
    seller: str = ""
    path: Path | None = None
    address: str = ""
    further: int = 0
    variants: int = 0
    column: str = ""
    problem: str = ""


def first_listings(file: CatalogueFile, folder: PhotoFolder) -> list[Previewed]:
    """Nothing is stored, and no address is asked."""
    reader = RowIntake(file, folder)
    rows = next(file.chunks(LISTINGS), [])
    return [_previewed(row, reader, folder) for row in rows]


def _previewed(row: ListingRow, reader: RowIntake, folder: PhotoFolder) -> Previewed:
    main = row.photos[0] if row.photos else ""
    is_address = addresses.is_address(main)
    shown = Previewed(
        line=row.line,
        product_id=shown_id(row.product_id),
        text=printable(row.text[:_TEXT_AT_MOST]),
        category=printable((row.category or "")[:_TEXT_AT_MOST]),
        seller=printable((row.seller or "")[:_TEXT_AT_MOST]),
        path=None if is_address else _located(main, folder),
        address=_checked(main) if is_address else "",
        further=max(len(row.photos) - 1, 0),
        variants=row.variants,
    )
    found: Candidate | Arrival | BadRow = reader.check(row)
    if isinstance(found, Candidate):
        found = reader.look(found, known={}, keep=False)
    if isinstance(found, BadRow):
        return replace(shown, column=found.column, problem=found.reason)
    return _taken(shown, found[0])


def _taken(shown: Previewed, listing: Listing) -> Previewed:
    """With the words as they would be stored."""
    return replace(
        shown,
        product_id=listing.external_id,
        text=listing.text,
        read=texts_read.read_of(listing.text),
        category=listing.category or "",
        seller=listing.seller or "",
    )


def _located(name: str, folder: PhotoFolder) -> Path | None:
    try:
        path = folder.locate(name)
    except IntakeError:
        return None
    return path if path.is_file() else None


def _checked(address: str) -> str:
    try:
        return addresses.checked(address)
    except addresses.BadAddress:
        return ""
