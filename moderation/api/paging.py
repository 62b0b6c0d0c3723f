"""Pages of long lists: by cursor, so that rows that arrive meanwhile hide or repeat none."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from .errors import invalid

# After the row with this id, or with a `p`, before it. So the document can say what a cursor is.
_CURSOR = "^p?[0-9]{1,18}$"


class NewestFirst(CursorPagination):
    """By id, downwards; `page_size` from 1 to 200."""

    ordering = "-id"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    page_size_query_description = "How many entries on a page, from 1 to 200."
    cursor_query_description = "Where the page begins: `next_cursor` of the page before."

    def get_paginated_response(self, data: Any) -> Response:
        onward = self.get_next_link()
        query = parse_qs(urlsplit(onward or "").query)
        return Response(
            {
                "next": onward,
                "next_cursor": query.get(self.cursor_query_param, [None])[0],
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "nullable": True, "format": "uri"}
        properties = {
            "next": {
                **link,
                "description": "The address of the next page; null on the last one.",
                "example": "https://moderation.example.org/api/products?cursor=486",
            },
            "next_cursor": {
                "type": "string",
                "nullable": True,
                "pattern": _CURSOR,
                "description": "The `cursor` of the next page; null on the last one.",
                "example": "486",
            },
            "previous": {
                **link,
                "description": "The address of the page before; null on the first one.",
                "example": "https://moderation.example.org/api/products?cursor=p535",
            },
            "results": schema,
        }
        return {"type": "object", "properties": properties, "required": list(properties)}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        rules: dict[str, dict[str, Any]] = {
            self.cursor_query_param: {"pattern": _CURSOR},
            self.page_size_query_param: {
                "minimum": 1,
                "maximum": self.max_page_size,
                "default": self.page_size,
            },
        }
        for one in parameters:
            one["schema"] |= rules[one["name"]]
        return parameters

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= self.max_page_size):
            raise invalid(
                "page_size",
                f"page_size is {asked[:20]!r}; send a whole number from 1 to {self.max_page_size}.",
            )
        return int(asked)

    def encode_cursor(self, cursor: Cursor) -> str:
        """Ids are unique, so that a position alone says where a page begins."""
        said = f"{'p' if cursor.reverse else ''}{cursor.position}"
        return replace_query_param(str(self.base_url), self.cursor_query_param, said)

    def decode_cursor(self, request: Request) -> Cursor | None:
        asked = request.query_params.get(self.cursor_query_param)
        if asked is None:
            return None
        if not re.fullmatch(_CURSOR, asked):
            raise invalid(
                "cursor", "cursor is not one that this list gave out; begin again without it."
            )
        return Cursor(
            offset=0, reverse=asked.startswith("p"), position=int(asked.removeprefix("p"))
        )
