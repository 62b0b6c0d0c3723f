"""A request that ends before its Content-Length is refused, and nothing of it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from moderation.models import Category, Product
from tests.support.factories import MakeProduct
from tests.support.photos import photo
from tests.support.wsgi import FORM, ask

pytestmark = pytest.mark.django_db


def form(**fields: str | bytes) -> bytes:
    parts = b""
    for name, value in fields.items():
        kind = '; filename="a.jpg"\r\nContent-Type: image/jpeg' if isinstance(value, bytes) else ""
        head = f'--xx\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n'
        parts += head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return parts + b"--xx--\r\n"


@pytest.fixture
def token(bundled: Any) -> str:
    root = User.objects.create_superuser("root", password="x")
    return f"Token {AuthToken.objects.create(user=root)[1]}"


def test_a_text_that_is_cut_off_is_not_stored(make_product: MakeProduct, token: str) -> None:
    product = make_product("A1", text="A ball")
    whole = form(product_id="A1", text="A purple shirt, not for children under three")

    for lacks in (1, 20, 30, 100):
        status, answer = ask("/api/products", whole, lacks=lacks, HTTP_AUTHORIZATION=token)
        assert (status, json.loads(answer)["field"]) == (400, None)
        assert "broke off" in answer
        product.refresh_from_db()
        assert product.text == "A ball"

    assert ask("/api/products", whole, HTTP_AUTHORIZATION=token)[0] == 200
    product.refresh_from_db()
    assert product.text.startswith("A purple shirt")


def test_nor_a_photo(token: str) -> None:
    whole = form(product_id="A1", text="A ball", image=photo())
    assert ask("/api/products", whole, lacks=200, HTTP_AUTHORIZATION=token)[0] == 400
    assert not Product.objects.exists()
    assert ask("/api/products", whole, HTTP_AUTHORIZATION=token)[0] == 201


def test_nor_is_json_read_to_where_it_breaks_off(token: str) -> None:
    whole = b'{"product_ids": ["A1"]}   '
    asked: dict[str, Any] = {"type": "application/json", "HTTP_AUTHORIZATION": token}
    status, answer = ask("/clip/analyze-batch", whole, lacks=2, **asked)
    assert status == 400 and "broke off" in answer
    assert ask("/clip/analyze-batch", whole, **asked)[0] == 200


@pytest.mark.parametrize("type", [FORM, "application/x-www-form-urlencoded"])
def test_nor_a_form_of_the_admin(token: str, type: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="root"))
    client.get("/admin/moderation/category/add/")
    key = client.cookies["csrftoken"].value
    cookies = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
    fields = {"csrfmiddlewaretoken": key, "is_active": "on", "prompt": "mug", "name": "Large mugs"}
    plain = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    whole = form(**fields) if type == FORM else plain
    path = "/admin/moderation/category/add/"

    for lacks in (1, 4, 40, len(whole) - 3):
        status, answer = ask(path, whole, lacks=lacks, type=type, HTTP_COOKIE=cookies)
        assert status == 400 and "broke off" in answer
    assert not Category.objects.filter(name__startswith="L").exists()
    assert ask(path, whole, type=type, HTTP_COOKIE=cookies)[0] == 302
    assert Category.objects.filter(name__startswith="L").exists()
