"""The OpenAPI document is complete, true, and shown without a request to another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from knox.models import AuthToken
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from clipmod.wsgi import application
from moderation.services.integration import appeal_filing
from moderation.services.queue import review
from moderation.services.running import setup
from moderation.services.worker import heartbeat
from tests.support.factories import MakeItem, MakeProduct

pytestmark = pytest.mark.slow

PATHS = {
    "/clip/health": {"get"},
    "/clip/categories": {"get"},
    "/clip/classify": {"post"},
    "/clip/analyze": {"post"},
    "/clip/analyze-batch": {"post"},
    "/api/products": {"get", "post"},
    "/api/products/{product_id}": {"get"},
    "/api/products/{product_id}/analyses": {"get"},
    "/api/reviews": {"get"},
    "/api/reviews/undo": {"post"},
    "/api/reviews/{id}": {"get"},
    "/api/reviews/{id}/decide": {"post"},
    "/api/reviews/{id}/skip": {"post"},
    "/api/reviews/{id}/escalate": {"post"},
    "/api/decisions": {"get"},
    "/api/appeals": {"get", "post"},
    "/api/appeals/{reference}": {"get"},
}


@pytest.fixture
def document() -> dict[str, Any]:
    response = Client().get("/schema", headers={"accept": "application/vnd.oai.openapi+json"})
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def test_the_document_is_valid_and_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", tmp_path / "schema.yml")


def test_every_address_is_described_once(document: dict[str, Any]) -> None:
    assert {path: set(found) for path, found in document["paths"].items()} == PATHS


def test_every_endpoint_has_answers_and_examples(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            good = [code for code in operation["responses"] if code.startswith("2")]
            assert good, path
            for code, answer in operation["responses"].items():
                assert "schema" in answer["content"]["application/json"], (path, code)
            assert "example" in str(operation), path


def test_photos_are_uploads_in_the_forms(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, field in (("classify", "file"), ("analyze", "file"), ("analyze-batch", "files")):
        body = document["paths"][f"/clip/{path}"]["post"]["requestBody"]["content"]
        form = schemas[body["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]]
        photo = form["properties"][field]
        assert photo.get("items", photo)["format"] == "binary"


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc", "/redoc/"])
def test_the_pages_ask_no_other_host(path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 200
    html = response.content.decode()
    assert re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?((?:https?:)?//[^"')]*)""", html) == []
    assert not re.search(r"<script(?![^>]*\bsrc=)", html), "inline script"
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "http" not in policy


def test_other_pages_keep_the_strict_policy(db: None) -> None:
    assert "unsafe-inline" not in Client().get("/clip/health")["Content-Security-Policy"]


def test_every_file_of_the_pages_is_served(db: None) -> None:
    for page in ("/docs", "/redoc"):
        html = Client().get(page).content.decode()
        for address in re.findall(r"""(?:src|href)="([^"]+)\"""", html):
            assert Client().get(address.replace("&amp;", "&")).status_code == 200, address


# ── What the document promises holds for whatever fits it ─────────────────────────────────────


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keeps requests to the WSGI application inside the test's transaction.

    A request ends by closing what is in a transaction; Django's own test client keeps it open too.
    """
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def schema(
    document: dict[str, Any],
    bundled: Any,
    make_product: MakeProduct,
    make_item: MakeItem,
    one_connection: None,
) -> Any:
    setup.seed_categories()
    make_product("SKU-1001")
    judge = User.objects.create_superuser("judge", password=None)
    decided = [make_item(f"SKU-200{number}") for number in range(2)]
    made = [
        review.decide(item, moderator=judge, verdict="dismiss", reason="matches")
        for item in decided
    ]
    appeal_filing.file(made[0], reference="APPEAL-77", statement="Yes, it is.", filed_by=judge)
    make_item("SKU-3001")
    heartbeat.beat("test/1/1")
    loaded = schemathesis.openapi.from_dict(document)
    loaded.app = application
    return loaded


@pytest.fixture
def token(schema: Any) -> str:
    """Of somebody who may do everything."""
    made: str = AuthToken.objects.create(user=User.objects.get(username="judge"))[1]
    return made


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
NOTHING_TO_BREAK = {
    *("/clip/health", "/clip/categories"),
    *("/api/products/{product_id}", "/api/appeals/{reference}"),
}
REQUESTS = [
    (mode, path, method)
    for mode in (POSITIVE, NEGATIVE)
    for path, methods in PATHS.items()
    for method in sorted(methods)
    if mode is POSITIVE or path not in NOTHING_TO_BREAK
]


@pytest.mark.parametrize(("mode", "path", "method"), REQUESTS)
def test_answers_are_as_described(
    schema: Any, token: str, mode: schemathesis.GenerationMode, path: str, method: str
) -> None:
    """Requests that fit the document, and requests that break it, get an answer it describes."""
    is_open = path.startswith(("/clip/", "/api/products"))
    headers = {} if is_open else {"Authorization": f"Token {token}"}

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.validate_response(case.call(headers=headers), checks=CHECKS)

    check()
