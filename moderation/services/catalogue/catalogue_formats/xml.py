"""Product feeds in XML: RSS 2.0, RSS 1.0 and Atom, with the elements of Google's namespace.

The file is streamed: what was read is let go, so a feed of any size needs the memory of one item.
No entity is ever resolved and no other file is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moderation.clip.data.tables.delimited import Fits, column_name

from . import FORMATS, CatalogueFileError, Content, Format, Record, Repeated, Wanted

GOOGLE = "http://base.google.com/ns/1.0"
_ITEMS = ("item", "entry")
_BLOCK = 1 << 16
_BYTES_AT_MOST = 1 << 25  # of one item, or of what comes before the first


def xml_content(path: Path, fits: Fits) -> Content:
    """Reads the feed once. Raises `CatalogueFileError` for what is no whole feed."""
    titles: dict[str, str] = {}
    count = 0
    for _, cells in _items(path):
        count += 1
        titles |= {column_name(name): name for name in cells if column_name(name) not in titles}
    if not count:
        raise CatalogueFileError(
            f"{path.name} has no <item> and no <entry>; RSS and Atom feeds of products are read."
        )

    def records(wanted: Wanted) -> Iterator[Record]:
        for line, cells in _items(path):
            yield line, {column_name(name): value for name, value in cells.items()}

    return Content(list(titles), list(titles.values()), records, row_count=count)


def _items(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Each item with the line it starts on, and the texts of its elements by name."""
    from lxml import etree

    parser = etree.XMLPullParser(
        events=("start", "end"),
        tag=[f"{{*}}{name}" for name in _ITEMS],
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    is_first, held = True, 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                parser.feed(block)
                held += len(block)
                for event, item in parser.read_events():
                    held = 0
                    if is_first:
                        _refuse_document_type(path, item)
                        is_first = False
                    if event == "end":
                        yield item.sourceline, _cells(item)
                        _let_go(item)
                if held > _BYTES_AT_MOST:
                    raise CatalogueFileError(
                        f"{path.name} has {_BYTES_AT_MOST >> 20} MB in which no <item> and no "
                        "<entry> begins or ends; RSS and Atom feeds of products are read."
                    )
        parser.close()
    except etree.XMLSyntaxError as error:
        why = " ".join(str(error.msg or error).split())
        raise CatalogueFileError(
            f"{path.name} is not whole XML ({why}); export the feed again."
        ) from error


def _refuse_document_type(path: Path, root: Any) -> None:
    """Feeds have none, and files that blow up or read others hide their means in it."""
    if root.getroottree().docinfo.internalDTD is not None:
        raise CatalogueFileError(
            f"{path.name} declares a document type (<!DOCTYPE …>), which a product feed does not "
            "need and which may do harm; remove it."
        )


def _let_go(element: Any) -> None:
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _cells(item: Any) -> dict[str, object]:
    """Texts by name; Google's elements come before those of RSS and Atom with the same name."""
    own: dict[str, list[str]] = {}
    google: dict[str, list[str]] = {}
    for child in item:
        space, name = _space(child, item)
        if space is not None:
            cells = google if space == GOOGLE else own
            cells.setdefault(name, []).append("".join(child.itertext()).strip())
    found = own | google
    return {name: texts[0] if len(texts) == 1 else Repeated(texts) for name, texts in found.items()}


def _space(child: Any, item: Any) -> tuple[str | None, str]:
    """Whose element it is, and its name; None for what is neither Google's nor the feed's own."""
    space, _, name = str(child.tag).rpartition("}")
    space = space.removeprefix("{")
    if space == GOOGLE or space == str(item.tag).rpartition("}")[0].removeprefix("{"):
        return space, name
    return None, name


FORMATS.append(Format("XML", (".xml",), xml_content))
