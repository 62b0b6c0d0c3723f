"""Whatever a field, a parameter or an address holds, whoever sends it, is no failure of ours.

Each address of the table is asked once with a spy that notes which fields and parameters it looks
for; then each of these is sent with every odd value. The API's bodies are taken from its schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import QueryDict
from django.test import Client

from tests.support.wsgi import ask

from . import walk
from .check import World
from .roles import ROLES, Rule
from .walk import Address, NoPathError

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

ENDLESS = "9" * 5000
ODD = ("a\0b", "\ud800", ENDLESS, "9" * 20, "https://[::1", "u" * 600, "\u202e\x07%00\ufffe")
# What is refused for all fields alike, before a page sees it, is sent in all of them at once.
FOR_PAGES = ODD[3:]
# Whoever may the least sends each field alone; the others, all at once.
LEAST = ("anonymous", "shop_token", "moderator_token", "viewer", "moderator", "lead", "admin")
_LISTS = {"q", "o", "p", "after", "before", "_to_field", "_popup", "_changelist_filters"}


@dataclass
class Spy:
    """Which names were looked for in queries and forms."""

    seen: set[str] = field(default_factory=set)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for method in ("get", "getlist", "__getitem__", "__contains__"):
            monkeypatch.setattr(QueryDict, method, self._noting(getattr(QueryDict, method)))

    def _noting(self, look_up: Any) -> Any:
        def noting(data: Any, name: Any, *rest: Any, **more: Any) -> Any:
            self.seen.add(str(name))
            return look_up(data, name, *rest, **more)

        return noting


def broken(world: World, role: str, method: str, path: str, body: Any = None, **how: Any) -> str:
    """A sentence where the answer is a 5xx, or none at all."""
    visitor = world.visitors[role]
    visitor.client.cookies.clear()
    for name, value in visitor.cookies.items():
        visitor.client.cookies[name] = value
    with transaction.atomic():
        try:
            response = getattr(visitor.client, method.lower())(
                path, data=body, headers=visitor.headers, **how
            )
            status = str(response.status_code)
            if response.streaming:
                response.getvalue()  # closes its file
        except Exception as error:  # noqa: BLE001 - becomes a sentence with the address
            status = f"5xx, {type(error).__name__}: {str(error)[:200]}"
        transaction.set_rollback(True)
    if not status.startswith("5") or status in ("503", "507"):
        return ""
    return f"{role}: {method} {path[:150]} with {str(body)[:80]!r} is answered with {status}"


def may(world: World, role: str) -> Iterator[tuple[Address, Rule, str]]:
    """What the table lets somebody send; Django's own pages are alike for all who see them."""
    for address in world.addresses:
        for rule in world.rules.get(address.key, []):
            if role not in rule.who or (rule.is_djangos and role not in ("admin", "viewer")):
                continue
            for method in rule.methods.split():
                if method in ("GET", "POST"):
                    yield address, rule, method


def path_of(world: World, address: Address, rule: Rule, role: str) -> str:
    return walk.path_of(address, rule, world.visitors[role].user or User.objects.first())


def said(value: str) -> str:
    """As it can be sent in an address or a form."""
    return value.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("role", ROLES)
def test_no_parameter_or_field_of_a_form_is_a_failure(
    world: World, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for address, rule, method in may(world, role):
        path = path_of(world, address, rule, role)
        spy = Spy()
        with monkeypatch.context() as patch:
            spy.install(patch)
            body = dict(rule.body) if method == "POST" else None
            wrong.append(broken(world, role, method, path, body))
        names = (spy.seen | (_LISTS if address.key.endswith("_changelist") else set())) - {
            "csrfmiddlewaretoken"
        }
        least = next((one for one in LEAST if one in rule.who), role)
        for value in map(said, ODD if names else ()):  # without a name it is the request above
            sent = [dict.fromkeys(names, value)]
            if role == least and value in FOR_PAGES and len(names) > 1:
                sent += [{name: value} for name in sorted(names)]
            for fields in sent:
                if method == "POST":
                    body = {**rule.body, **fields}
                    wrong.append(broken(world, role, "POST", path, body))
                else:
                    mark = "&" if "?" in path else "?"
                    wrong.append(broken(world, role, "GET", f"{path}{mark}{urlencode(fields)}"))
    assert not any(wrong), "\n".join(sorted({one for one in wrong if one}))


@pytest.mark.parametrize("role", ["anonymous", "viewer", "admin", "moderator_token", "shop_token"])
def test_no_address_is_a_failure(world: World, role: str) -> None:
    wrong = []
    for address, rule, method in may(world, role):
        if not address.arguments:
            continue
        try:
            path = path_of(world, address, rule, role).partition("?")[0]
        except NoPathError:
            continue
        for value in ODD:
            for argument in address.arguments:
                known = walk._value(address, rule, argument, world.visitors[role].user)
                odd = re.sub(
                    rf"/{re.escape(quote(known))}(?=/|$)", "/" + quote(said(value)), path, count=1
                )
                wrong.append(broken(world, role, method, odd))
    assert not any(wrong), "\n".join(sorted({one for one in wrong if one}))


# ── The API's bodies ──────────────────────────────────────────────────────────────────────────
def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of the schema."""
    accept = {"accept": "application/vnd.oai.openapi+json"}
    document = Client().get("/schema", headers=accept).json()
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation | {"schemas": schemas}


def fields_of(schema: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    if "$ref" in schema:
        return fields_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    found = set(schema.get("properties", {}))
    for one in schema.get("oneOf", []):
        found |= fields_of(one, schemas)
    return found


@pytest.mark.parametrize("role", ["anonymous", "admin", "moderator_token", "shop_token"])
def test_no_body_of_the_api_is_a_failure(world: World, role: str, settings: Any) -> None:
    settings.API_LOGIN_REQUIRED = False
    wrong = []
    item = walk._field("moderation.reviewitem", None)
    for path, method, operation in operations():
        path = re.sub(r"\{id\}", item, path)
        path = path.replace("{product_id}", "OPEN").replace("{reference}", "APPEAL-1")
        described = operation.get("parameters", [])
        parameters = [one["name"] for one in described if one["in"] == "query"]
        for value in ODD:
            for name in [*parameters, "cursor", "page_size"] if method == "GET" else []:
                query = urlencode({name: said(value)})
                wrong.append(broken(world, role, "GET", f"{path}?{query}"))
            for kind, body in operation.get("requestBody", {}).get("content", {}).items():
                names = sorted(fields_of(body["schema"], operation["schemas"]))
                for name in names:
                    if kind == "application/json":
                        for odd in (value, [value], {value: value}, [{"image_path": value}]):
                            text = json.dumps({name: odd})
                            how = {"content_type": kind}
                            wrong.append(broken(world, role, method, path, text, **how))
                        if value == ENDLESS:
                            text = f'{{"{name}": {ENDLESS}}}'
                            how = {"content_type": kind}
                            wrong.append(broken(world, role, method, path, text, **how))
                    else:
                        whole = dict.fromkeys(names, "A ball") | {name: said(value)}
                        for photo in {"file", "files", "image"} & set(names) - {name}:
                            whole[photo] = SimpleUploadedFile("a.jpg", b"x")  # type: ignore
                        wrong.append(broken(world, role, method, path, whole))
    assert not any(wrong), "\n".join(sorted({one for one in wrong if one}))


# ── The request itself ────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("charset", ["rot13", "undefined", "utf-7", "bz2", "idna", "utf-16", "x"])
@pytest.mark.parametrize("path", ["/admin/login/?a=b", "/?a=%ff", "/schema?a=%ff", "/api/products"])
def test_only_charsets_of_texts_are_read(db: None, path: str, charset: str) -> None:
    status, said = ask(path, b"", type=f"text/plain; charset={charset}", REQUEST_METHOD="GET")
    assert status == 415 and "UTF-8" in said


def test_too_many_parameters_are_refused_in_any_charset(db: None) -> None:
    query = "&".join(f"a{number}=1" for number in range(6000))
    for kind in ("text/plain; charset=utf-8", "text/plain; charset=rot13", "text/plain"):
        found = ask(f"/admin/login/?{query}", b"", type=kind, REQUEST_METHOD="GET")
        assert found[0] in (400, 415)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", "ISO-8859-1"])
def test_usual_ones_are(db: None, charset: str) -> None:
    asked = {"content-type": f"text/plain; charset={charset}"}
    assert Client().get("/admin/login/?a=b", headers=asked).status_code == 200


@pytest.mark.parametrize("name", ["u" * 256, "u" * 151, "a\0b", ENDLESS, "\u202e"])
def test_no_name_breaks_the_login(db: None, name: str) -> None:
    response = Client().post("/admin/login/", {"username": name, "password": "x"})
    assert response.status_code in (200, 400)
