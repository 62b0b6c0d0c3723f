"""Whatever a client sends wrong is a 4xx with one sentence that names the field."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from moderation.clip.errors import BatcherFull, ModelError
from moderation.models import Analysis, Product
from moderation.services.scoring import scoring_requests
from tests.api.test_clip import upload
from tests.support.photos import photo

JSON = "application/json"
BOUNDARY = "multipart/form-data; boundary=xx"
ANALYZE, CLASSIFY, BATCH = "/clip/analyze", "/clip/classify", "/clip/analyze-batch"
PRODUCTS = "/api/products"


@dataclass
class Bad:
    """A request, and what is expected of its refusal."""

    path: str
    body: Any = None
    field: str | None = None
    status: int = 400
    says: str = ""
    type: str = ""  # empty: a multipart form
    method: str = "post"


def form(**fields: Any) -> Callable[[], dict[str, Any]]:
    """A form with a good file and text, changed; made anew for each test, as files are read."""
    return lambda: {
        name: value
        for name, value in {"file": upload(), "text": "A ball", **fields}.items()
        if value is not None
    }


def product(**fields: Any) -> Callable[[], dict[str, Any]]:
    return lambda: {
        name: value
        for name, value in {
            "product_id": "P",
            "text": "A ball",
            "image": upload(),
            **fields,
        }.items()
        if value is not None
    }


def items(**fields: Any) -> dict[str, Any]:
    return {"items": [{"image_path": "a.jpg", "text": "A ball", **fields}]}


def bomb() -> bytes:
    """A PNG header that promises 60,000 x 60,000 pixels."""
    data = photo(format="PNG")
    size = (60_000).to_bytes(4, "big")
    chunk = b"IHDR" + size * 2 + data[24:29]
    return data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]


TABLE = {
    # the photo
    "no file": Bad(ANALYZE, form(file=None), "file", says="missing"),
    "file as text": Bad(ANALYZE, form(file="photo.jpg"), "file", says="curl -F"),
    "empty file": Bad(ANALYZE, form(file=upload(b"")), "file", says="empty"),
    "not an image": Bad(ANALYZE, form(file=upload(b"hello")), "file", says="no picture"),
    "cut off": Bad(ANALYZE, lambda: form(file=upload(photo()[:-300]))(), "file", says="damaged"),
    "a PDF": Bad(ANALYZE, form(file=upload(b"%PDF-1.7 ...")), "file", says="PDF"),
    "a bomb": Bad(ANALYZE, lambda: form(file=upload(bomb()))(), "file", says="pixels"),
    "too large": Bad(ANALYZE, form(file=upload(b"x" * 300_000)), None, 413, "0.2 MB"),
    "far too large": Bad(ANALYZE, form(file=upload(b"x" * 2_000_000)), None, 413, "0.2 MB"),
    # the text
    "no text": Bad(ANALYZE, form(text=None), "text", says="missing"),
    "empty text": Bad(ANALYZE, form(text=""), "text", says="empty"),
    "blank text": Bad(ANALYZE, form(text=" \n "), "text", says="empty"),
    "invisible text": Bad(ANALYZE, form(text="\u200b"), "text", says="empty"),
    "text of tags": Bad(ANALYZE, form(text="<p>&nbsp;</p>"), "text", says="empty"),
    "long text": Bad(ANALYZE, form(text="x" * 501), "text", says="501 characters"),
    "NUL in text": Bad(ANALYZE, form(text="a\x00b"), "text", says="ull"),
    "text as file": Bad(ANALYZE, lambda: form(text=upload(b"x"))(), "text", says="not a text"),
    # numbers
    "threshold word": Bad(ANALYZE, form(threshold="high"), "threshold", says="-1 to 1"),
    "threshold NaN": Bad(ANALYZE, form(threshold="nan"), "threshold", says="-1 to 1"),
    "threshold inf": Bad(ANALYZE, form(threshold="-inf"), "threshold", says="-1 to 1"),
    "threshold 1.01": Bad(ANALYZE, form(threshold="1.01"), "threshold", says="-1 to 1"),
    "top_k 0": Bad(CLASSIFY, form(top_k="0"), "top_k", says="1 to 50"),
    "top_k 51": Bad(CLASSIFY, form(top_k="51"), "top_k", says="1 to 50"),
    "top_k 2.5": Bad(CLASSIFY, form(top_k="2.5"), "top_k", says="1 to 50"),
    "top_k word": Bad(CLASSIFY, form(top_k="five"), "top_k", says="1 to 50"),
    "top_k endless": Bad(CLASSIFY, form(top_k="9" * 5000), "top_k", says="1 to 50"),
    "only commas": Bad(CLASSIFY, form(categories=",, ,"), "categories", says="no name"),
    "101 categories": Bad(
        CLASSIFY, form(categories=",".join(f"c{n}" for n in range(101))), "categories", says="101"
    ),
    "a long category": Bad(CLASSIFY, form(categories="x" * 101), "categories", says="100"),
    # the request itself
    "analyze as JSON": Bad(ANALYZE, {"text": "A ball"}, None, 415, "multipart", JSON),
    "no boundary": Bad(ANALYZE, b"xx", None, 400, "curl -F", "multipart/form-data"),
    "broken form": Bad(ANALYZE, b"--yy\r\nfoo", "file", 400, "missing", BOUNDARY),
    "form as text": Bad(BATCH, b"a=b", None, 415, "multipart", "application/x-www-form-urlencoded"),
    "no type": Bad(BATCH, b"{}", None, 415, "application/json", "text/plain"),
    "odd charset": Bad(BATCH, b"{}", None, 415, "UTF-8", "application/json; charset=bz2"),
    "GET for POST": Bad(ANALYZE, None, None, 405, "Use POST", method="get"),
    "POST for GET": Bad("/clip/health", None, None, 405, "Use GET"),
    "DELETE": Bad(PRODUCTS, None, None, 405, "GET or POST", method="delete"),
    "no such address": Bad("/clip/analyse", None, None, 404, "/docs"),
    "no such address below": Bad("/api/nothing/here/", None, None, 404, "/docs", method="get"),
    # batches
    "bad JSON": Bad(BATCH, b'{"items": [', None, 400, "not valid JSON", JSON),
    "not UTF-8": Bad(BATCH, b'{"items": "\xff"}', None, 400, "not valid JSON", JSON),
    "deep JSON": Bad(BATCH, b"[" * 100_000, None, 400, "too deep", JSON),
    "NaN in JSON": Bad(BATCH, b'{"items": NaN}', None, 400, "not valid JSON", JSON),
    "JSON list": Bad(BATCH, [1, 2], None, 400, "either", JSON),
    "JSON null": Bad(BATCH, b"null", None, 400, "either", JSON),
    "neither form": Bad(BATCH, {"things": []}, None, 400, "either", JSON),
    "both forms": Bad(BATCH, {"product_ids": ["a"], **items()}, None, 400, "either", JSON),
    "no items": Bad(BATCH, {"items": []}, "items", type=JSON),
    "items a word": Bad(BATCH, {"items": "all"}, "items", type=JSON),
    "an item a word": Bad(BATCH, {"items": ["all"]}, "items[0]", type=JSON),
    "no image_path": Bad(BATCH, {"items": [{"text": "x"}]}, "items[0].image_path", type=JSON),
    "no item text": Bad(BATCH, {"items": [{"image_path": "x"}]}, "items[0].text", type=JSON),
    "image_path a number": Bad(BATCH, items(image_path=True), "items[0].image_path", type=JSON),
    "NUL in image_path": Bad(BATCH, items(image_path="a\x00"), "items[0].image_path", type=JSON),
    "half a character": Bad(BATCH, items(text="\ud800"), "items[0].text", type=JSON),
    "item threshold": Bad(BATCH, items(threshold=2), "items[0].threshold", type=JSON),
    "threshold true": Bad(BATCH, items(threshold=True), "items[0].threshold", type=JSON),
    "endless threshold": Bad(
        BATCH,
        b'{"items": [{"image_path": "a", "text": "b", "threshold": 1e999}]}',
        "items[0].threshold",
        type=JSON,
    ),
    "too many items": Bad(
        BATCH, {"items": items()["items"] * 101}, "items", 400, "at most 100", JSON
    ),
    "too many ids": Bad(
        BATCH, {"product_ids": ["a"] * 101}, "product_ids", 400, "at most 100", JSON
    ),
    "an id a list": Bad(BATCH, {"product_ids": [["a"]]}, "product_ids[0]", type=JSON),
    "NUL in an id": Bad(BATCH, {"product_ids": ["a\x00"]}, "product_ids[0]", type=JSON),
    "files without texts": Bad(BATCH, lambda: {"files": [upload()]}, "texts", says="missing"),
    "texts without files": Bad(BATCH, lambda: {"texts": ["a"]}, "files", says="missing"),
    "one text for two": Bad(
        BATCH, lambda: {"files": [upload(), upload()], "texts": ["a"]}, "texts", says="2 files"
    ),
    "a file that is text": Bad(
        BATCH, lambda: {"files": ["a"], "texts": ["a"]}, "files[0]", says="uploaded"
    ),
    "101 files": Bad(
        BATCH,
        lambda: {"files": [upload(b"x")] * 101, "texts": ["a"] * 101},
        "files",
        says="at most 100",
    ),
    "hundreds of files": Bad(
        BATCH, lambda: {"files": [upload(b"x") for _ in range(300)]}, None, says="too many"
    ),
    # products
    "no product_id": Bad(PRODUCTS, product(product_id=None), "product_id", says="missing"),
    "long product_id": Bad(PRODUCTS, product(product_id="x" * 101), "product_id", says="100"),
    "NUL in product_id": Bad(PRODUCTS, product(product_id="a\x00b"), "product_id"),
    "product no image": Bad(PRODUCTS, product(image=None), "image", says="missing"),
    "product bad image": Bad(
        PRODUCTS, product(image=upload(b"x")), "image", says="holds no picture"
    ),
    "product long text": Bad(PRODUCTS, product(text="x" * 501), "text", says="501"),
    "long category": Bad(PRODUCTS, product(category="x" * 101), "category", says="100"),
    "long seller": Bad(PRODUCTS, product(seller="x" * 101), "seller", says="100"),
    # lists
    "status": Bad(f"{PRODUCTS}?status=odd", None, "status", method="get"),
    "is_mismatch": Bad(f"{PRODUCTS}?is_mismatch=maybe", None, "is_mismatch", method="get"),
    "updated_after": Bad(f"{PRODUCTS}?updated_after=soon", None, "updated_after", method="get"),
    "year one": Bad(
        f"{PRODUCTS}?updated_after=0001-01-01T00:00:00%2B14:00",
        None,
        "updated_after",
        method="get",
    ),
    "NUL in a filter": Bad(f"{PRODUCTS}?seller=%00", None, "seller", method="get"),
    "cursor": Bad(f"{PRODUCTS}?cursor=%C3%A9", None, "cursor", method="get"),
    "forged cursor": Bad(f"{PRODUCTS}?cursor=cD1hYmM%3D", None, "cursor", method="get"),
    "empty cursor": Bad(f"{PRODUCTS}?cursor=cD0%3D", None, "cursor", method="get"),
    "page_size": Bad(f"{PRODUCTS}?page_size=0", None, "page_size", method="get"),
    "status empty": Bad(f"{PRODUCTS}?status=", None, "status", says="leave it out", method="get"),
    "page_size empty": Bad(f"{PRODUCTS}?page_size=", None, "page_size", method="get"),
    "page_size endless": Bad(f"{PRODUCTS}?page_size={'9' * 5000}", None, "page_size", method="get"),
    "NUL in an address": Bad(f"{PRODUCTS}/a%00b", None, None, 404, method="get"),
}


def send(bad: Bad) -> Any:
    client = Client()
    body = bad.body() if callable(bad.body) else bad.body
    if isinstance(body, bytes):  # as it is, where the client would encode it
        return client.generic(bad.method.upper(), bad.path, body, content_type=bad.type)
    post = getattr(client, bad.method)
    return post(bad.path, body, content_type=bad.type) if bad.type else post(bad.path, body)


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE.keys())
def test_a_bad_request_is_refused_in_words(bad: Bad, bundled: Any, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES, settings.MAX_UPLOAD_MB = 200_000, 0.2
    response = send(bad)
    assert response.status_code == bad.status, response.content
    assert response["Content-Type"] == JSON
    answer = response.json()
    assert answer.keys() == {"error", "field"}
    assert answer["field"] == bad.field
    assert bad.says in answer["error"]
    assert answer["error"].endswith(".")
    if bad.field:
        assert bad.field.split("[")[0] in answer["error"] or bad.field == "file"
    assert not Product.objects.exists()
    assert not Analysis.objects.exists()


def test_a_body_without_length_is_refused(bundled: Any) -> None:
    response = Client().generic("POST", ANALYZE, HTTP_TRANSFER_ENCODING="chunked")
    assert response.status_code == 411
    assert "Content-Length" in response.json()["error"]


def test_an_answer_in_another_format_is_refused(bundled: Any) -> None:
    response = Client().get("/clip/categories", headers={"accept": "application/xml"})
    assert response.status_code == 406
    assert "JSON" in response.json()["error"]


@pytest.mark.parametrize(
    "error", [BatcherFull("The model is busy with 256 requests; try again."), ModelError("No.")]
)
def test_trouble_with_the_model_is_503_in_its_own_words(
    error: Exception, bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pair: scoring_requests.Pair) -> None:
        raise error

    monkeypatch.setattr(scoring_requests, "analyze", fail)
    response = Client().post(ANALYZE, form()())
    assert response.status_code == 503
    assert response.json() == {"error": str(error), "field": None}


@pytest.mark.parametrize("length", [1, 500])
def test_the_longest_text_is_taken(bundled: Any, length: int) -> None:
    assert Client().post(ANALYZE, form(text="ü" * length)()).status_code == 200
