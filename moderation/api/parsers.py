"""JSON bodies, read without letting a hostile one through as a failure of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JsonParser(parsers.JSONParser):
    """DRF's parser; brackets nested too deep for Python count as bad JSON, too."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - it is nested too deep") from error


class JsonLinesParser(parsers.BaseParser):
    """A JSON value a line; a line that is none becomes its error, the others are not spoiled."""

    media_type = "application/jsonl"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParseError("JSON parse error - it is not UTF-8") from error
        return [_value(line) for line in text.splitlines() if line.strip()]


class NdJsonParser(JsonLinesParser):
    """The other name of JSON lines."""

    media_type = "application/x-ndjson"


def _value(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return ParseError(f"The line is no JSON ({error}); correct it.")


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
