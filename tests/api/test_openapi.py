"""The OpenAPI document is complete, true, and shown without a request to another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.strategies import just
from knox.models import AuthToken
from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES
from schemathesis.specs.openapi.checks import positive_data_acceptance

from clipmod.wsgi import application
from moderation.services.integration import appeal_filing
from moderation.services.queue import review
from moderation.services.running import setup
from moderation.services.worker import heartbeat
from tests.support.factories import MakeItem, MakeProduct
from tests.support.photos import photo

pytestmark = pytest.mark.slow

PATHS = {
    "/clip/health": {"get"},
    "/clip/categories": {"get"},
    "/clip/classify": {"post"},
    "/clip/analyze": {"post"},
    "/clip/analyze-batch": {"post"},
    "/api/products": {"get", "post"},
    "/api/products/bulk": {"post"},
    "/api/products/{product_id}": {"delete", "get"},
    "/api/products/{product_id}/analyses": {"get"},
    "/api/products/{product_id}/erase": {"post"},
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


@pytest.fixture(params=[False], ids=[""])
def in_production(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether nobody may ask without a token, and no error is shown; here it is not so."""
    monkeypatch.setattr(site, "API_LOGIN_REQUIRED", request.param)
    monkeypatch.setattr(site, "DEBUG", not request.param)
    return bool(request.param)


@pytest.fixture
def document(in_production: bool) -> dict[str, Any]:
    response = Client().get("/schema", headers={"accept": "application/vnd.oai.openapi+json"})
    assert response.status_code == 200
    found: dict[str, Any] = response.json()
    return found


def test_the_document_is_valid_and_without_warnings(tmp_path: Any) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", tmp_path / "schema.yml")


def test_every_address_is_described_once(document: dict[str, Any]) -> None:
    assert {path: set(found) for path, found in document["paths"].items()} == PATHS


def test_the_service_itself_comes_first(document: dict[str, Any]) -> None:
    assert [tag["name"] for tag in document["tags"]] == ["clip", "products", "reviews", "appeals"]


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
    loaded = schemathesis.openapi.from_dict(document, config=CONFIG)
    loaded.app = application
    return loaded


@pytest.fixture
def token(schema: Any) -> str:
    """Of somebody who may do everything."""
    made: str = AuthToken.objects.create(user=User.objects.get(username="judge"))[1]
    return made


# ── What the document cannot say ──────────────────────────────────────────────────────────────
USUAL = [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES]
# Requests that fit it may still be refused as follows, and in no other way.
REFUSED_ALL_THE_SAME = {
    "POST /api/products": ("400", "only a known product may come without a photo"),
    "POST /api/products/{product_id}/erase": ("400", "the reason may be of spaces alone"),
    "POST /api/appeals": ("400", "it names a decision that must exist"),
    "POST /api/reviews/{id}/decide": ("422", "the key may have come with another request"),
    "POST /clip/analyze-batch": (
        "400",
        "it is one of three forms, with a text for each file",
    ),
}
CONFIG = schemathesis.Config.from_dict(
    {
        "operations": [
            {
                "include-name": name,
                "checks": {"positive_data_acceptance": {"expected-statuses": [*USUAL, status]}},
            }
            for name, (status, _why) in REFUSED_ALL_THE_SAME.items()
        ]
        + [
            {  # what breaks the document in one row is that row's answer
                "include-name": "POST /api/products/bulk",
                "checks": {"negative_data_rejection": {"expected-statuses": ["200", "4xx"]}},
            }
        ]
    }
)
for kind in ("jpeg", "png", "webp", "gif"):
    schemathesis.openapi.media_type(f"image/{kind}", just(photo(format=kind)))


FORM = "multipart/form-data"
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


@pytest.mark.parametrize(
    "in_production", [False, True], ids=["development", "production"], indirect=True
)
@pytest.mark.parametrize(("mode", "path", "method"), REQUESTS)
def test_answers_are_as_described(
    schema: Any,
    document: dict[str, Any],
    token: str,
    mode: schemathesis.GenerationMode,
    path: str,
    method: str,
    in_production: bool,
) -> None:
    """Requests that fit the document, and requests that break it, get an answer it describes."""
    is_open = path.startswith(("/clip/", "/api/products")) and not path.endswith("/erase")
    is_open = is_open and not in_production
    headers = {} if is_open else {"Authorization": f"Token {token}"}

    @settings(
        max_examples=10,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        if mode is NEGATIVE and case.media_type == FORM:
            case.body = _filled_in(case.body)
            assume(_can_be_sent(case.body, texts=_texts_of_form(document, path)))
        response = case.call(headers=headers)
        case.body = _without_files(case.body)
        # What breaks the document may be left out of a form, which then fits it: not this mode's.
        other = [positive_data_acceptance] if mode is NEGATIVE else []
        case.validate_response(response, headers=headers, excluded_checks=other)

    check()


def _filled_in(form: Any) -> Any:
    """A form without what nobody filled in: a browser sends it empty, and it counts as left out."""
    if not isinstance(form, dict):
        return form
    return {name: value for name, value in form.items() if value not in ("", [""])}


def _can_be_sent(form: Any, *, texts: set[str]) -> bool:
    """Whether a form can carry what breaks it: a number in place of a text arrives as a text.

    Schemathesis looks at that itself, but not where the form has a list too.
    """
    return not isinstance(form, dict) or all(
        isinstance(form.get(name, ""), str | bytes) for name in texts
    )


def _texts_of_form(document: dict[str, Any], path: str) -> set[str]:
    """The names of the fields of that address's form that are texts."""
    form = document["paths"][path]["post"]["requestBody"]["content"][FORM]["schema"]
    schema = document["components"]["schemas"][form["$ref"].rpartition("/")[2]]
    return {name for name, about in schema["properties"].items() if about.get("type") == "string"}


def _without_files(body: Any) -> Any:
    """The body as schemathesis can look at it again: its validator takes no file for a string.

    It has to, to see that what breaks the document in a form, as a number for a text, may be sent
    as what does not.
    """
    if not isinstance(body, dict):
        return body
    return {name: str(value) if isinstance(value, str) else value for name, value in body.items()}
