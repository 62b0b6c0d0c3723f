"""Pages of long lists: by cursor, so that rows that arrive meanwhile hide or repeat none."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from .errors import invalid


class NewestFirst(CursorPagination):
    """By id, downwards; `page_size` from 1 to 200."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = "How many entries on a page, from 1 to 200."
    cursor_query_description = "Where the page begins; take it from `next` or `previous`."

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if not asked:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= self.max_page_size):
            raise invalid(
                "page_size",
                f"page_size is {asked[:20]!r}; send a whole number from 1 to {self.max_page_size}.",
            )
        return int(asked)

    def decode_cursor(self, request: Request) -> Any:
        """The position comes from the client: a number that can be an id, or it is refused."""
        try:
            cursor = super().decode_cursor(request)
        except Exception as error:  # whatever cannot be read is a wrong cursor
            raise _wrong_cursor() from error
        if cursor is not None and cursor.position is not None:
            position = str(cursor.position)
            if not (position.isascii() and position.isdigit() and len(position) < 19):
                raise _wrong_cursor()
        return cursor


def _wrong_cursor() -> Exception:
    return invalid("cursor", "cursor is not one that this list gave out; begin again without it.")
