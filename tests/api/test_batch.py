"""Batches in three forms: uploads, files in the image folder, known products."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from knox.models import AuthToken

from moderation.models import Category, Embedding, ReviewItem
from moderation.services.queue import review
from tests.api.test_clip import VERDICT_FIELDS, upload
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker
from tests.support.photos import photo

PATH = "/clip/analyze-batch"


@pytest.fixture
def api(bundled: Any) -> Client:
    return Client()


@pytest.fixture
def folder(media: Path) -> Path:
    """An image folder with two photos and a text file."""
    (media / "in").mkdir()
    (media / "in" / "red.jpg").write_bytes(photo("red"))
    (media / "blue.png").write_bytes(photo("blue", format="PNG"))
    (media / "notes.txt").write_text("no picture")
    return media


def send(api: Client, body: Any) -> Any:
    return api.post(PATH, body, content_type="application/json")


def indexes(entries: list[dict[str, Any]]) -> list[int]:
    return [entry["index"] for entry in entries]


@pytest.mark.parametrize("slash", ["", "/"])
def test_uploaded_photos_are_judged_in_order(api: Client, slash: str) -> None:
    body = {
        "files": [upload(photo("red")), upload(photo("blue"))],
        "texts": ["A red ball", "A blue ball"],
    }
    answer = api.post(f"{PATH}{slash}", body).json()
    assert answer["errors"] == []
    assert indexes(answer["results"]) == [0, 1]
    assert answer["results"][0].keys() == VERDICT_FIELDS | {"index"}
    for colour, result in zip(("red", "blue"), answer["results"], strict=True):
        single = {"file": upload(photo(colour)), "text": f"A {colour} ball"}
        score = api.post("/clip/analyze", single).json()["similarity_score"]
        assert result["similarity_score"] == pytest.approx(score, abs=0.02)


def test_a_bad_upload_does_not_spoil_the_rest(api: Client, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES, settings.MAX_UPLOAD_MB = 20_000, 0.02
    files = [photo(), b"", b"no picture", photo()[:-200], photo(), photo(), b"x" * 20_001]
    texts = ["A ball", "A", "B", "C", "", "x" * 501, "D"]
    response = api.post(PATH, {"files": [upload(data) for data in files], "texts": texts})
    assert response.status_code == 200, response.content
    answer = response.json()
    assert indexes(answer["results"]) == [0]
    assert indexes(answer["errors"]) == [1, 2, 3, 4, 5, 6]
    sentences = [error["error"] for error in answer["errors"]]
    for sentence, word in zip(
        sentences,
        ["empty", "holds no picture", "damaged", "text is empty", "501 characters", "0.02 MB"],
        strict=True,
    ):
        assert word in sentence


def test_files_in_the_image_folder_are_judged(api: Client, folder: Path) -> None:
    items = [
        {"image_path": "in/red.jpg", "text": "A red ball"},
        {"image_path": "blue.png", "text": "A blue ball", "threshold": 1},
        {"image_path": "in/missing.jpg", "text": "A ball"},
        {"image_path": "notes.txt", "text": "A ball"},
        {"image_path": "in", "text": "A ball"},
        {"image_path": "in/red.jpg", "text": ""},
    ]
    response = send(api, {"items": items})
    assert response.status_code == 200, response.content
    answer = response.json()
    assert indexes(answer["results"]) == [0, 1]
    assert answer["results"][1]["threshold_used"] == 1
    assert indexes(answer["errors"]) == [2, 3, 4, 5]
    assert "missing.jpg does not exist" in answer["errors"][0]["error"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_is_found_whichever_form_its_accents_have(
    api: Client, folder: Path, form: Any
) -> None:
    (folder / "in" / normalize(form, "café.jpg")).write_bytes(photo())
    names = [normalize("NFC", "in/café.jpg"), normalize("NFD", "in/café.jpg")]
    items = [{"image_path": name, "text": "A ball"} for name in names]
    assert indexes(send(api, {"items": items}).json()["results"]) == [0, 1]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../secret.jpg",
        "in/../../secret.jpg",
        "in/../red.jpg",
        "..\\secret.jpg",
        "\\\\host\\share\\red.jpg",
        "C:\\red.jpg",
        "~/red.jpg",
        "http://127.0.0.1/red.jpg",
        "https://example.org/red.jpg",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "link-out.jpg",
        "folder-out/secret.jpg",
        "circle.jpg",
    ],
)
def test_a_path_out_of_the_image_folder_refuses_the_request(
    api: Client, folder: Path, path: str
) -> None:
    (folder.parent / "secret.jpg").write_bytes(photo())
    (folder / "link-out.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "folder-out").symlink_to(folder.parent)
    (folder / "circle.jpg").symlink_to(folder / "circle.jpg")
    good = {"image_path": "in/red.jpg", "text": "A red ball"}
    response = send(api, {"items": [good, {"image_path": path, "text": "A ball"}]})
    assert response.status_code == 400, response.content
    assert response.json()["field"] == "items[1].image_path"
    assert response.json()["error"].startswith("items[1].image_path: it ")


def test_a_link_inside_the_image_folder_is_followed(api: Client, folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "in" / "red.jpg")
    answer = send(api, {"items": [{"image_path": "link.jpg", "text": "A red ball"}]}).json()
    assert indexes(answer["results"]) == [0]


def test_known_products_are_judged_by_their_category(
    api: Client, make_product: MakeProduct
) -> None:
    make_product("A", category="Toys")
    make_product("B/with space")
    Category.objects.filter(name="Toys").update(threshold=0.77)
    answer = send(api, {"product_ids": ["A", "nobody", "B/with space", "A"]}).json()
    assert indexes(answer["results"]) == [0, 2, 3]
    assert [result["product_id"] for result in answer["results"]] == ["A", "B/with space", "A"]
    assert answer["results"][0]["threshold_used"] == 0.77
    assert answer["results"][1]["threshold_used"] != 0.77
    assert answer["errors"] == [
        {"index": 1, "error": "There is no product 'nobody'; create it first."}
    ]


def test_known_products_use_the_vectors_that_are_there(
    api: Client, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("A")
    run_worker()
    vectors = Embedding.objects.count()
    assert indexes(send(api, {"product_ids": ["A"]}).json()["results"]) == [0]
    assert Embedding.objects.count() == vectors


def test_a_product_whose_photo_is_gone_is_an_error_of_its_own(
    api: Client, make_product: MakeProduct, media: Path
) -> None:
    make_product("A")
    (media / make_product("B").image.name).unlink()
    answer = send(api, {"product_ids": ["A", "B"]}).json()
    assert indexes(answer["results"]) == [0]
    assert indexes(answer["errors"]) == [1]


def test_a_large_batch_answers_every_index_once(api: Client, folder: Path, settings: Any) -> None:
    settings.MAX_BATCH_ITEMS = 80
    items = [
        {"image_path": "gone.jpg" if n % 7 == 0 else "in/red.jpg", "text": f"Ball {n}"}
        for n in range(80)
    ]
    answer = send(api, {"items": items}).json()
    assert sorted(indexes(answer["results"]) + indexes(answer["errors"])) == list(range(80))
    assert indexes(answer["errors"]) == list(range(0, 80, 7))


# ── Who may be told of a product ──────────────────────────────────────────────────────────────
def _as(user: User) -> Client:
    return Client(headers={"authorization": f"Token {AuthToken.objects.create(user=user)[1]}"})


def test_products_are_judged_for_those_who_may_see_them(
    make_product: MakeProduct, groups: None, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED = True
    make_product("A")
    nobody, shop = User.objects.create_user("x"), User.objects.create_user("shop")
    shop.groups.add(Group.objects.get(name="shop"))

    refused = send(_as(nobody), {"product_ids": ["A", "nope"]})
    assert refused.status_code == _as(nobody).get("/api/products/A").status_code == 403
    assert "may not see" in refused.json()["error"] and refused.json()["field"] is None
    assert indexes(send(_as(shop), {"product_ids": ["A"]}).json()["results"]) == [0]


def test_what_is_to_be_judged_blind_is_not_judged_for_those_who_may_judge_it(
    make_item: MakeItem, make_user: MakeUser, bundled: Any, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED = True
    item = make_item("A")
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    anna, vera = make_user("anna"), make_user("vera", group="viewer")

    answer = send(_as(anna), {"product_ids": ["A"]}).json()
    assert answer["results"] == []
    assert answer["errors"] == [
        {"index": 0, "error": "'A' is to be judged blind; decide it first."}
    ]
    assert indexes(send(_as(vera), {"product_ids": ["A"]}).json()["results"]) == [0]

    item.refresh_from_db()
    review.decide(item, moderator=anna, verdict="confirm", reason="other_colour")
    ben = make_user("ben")
    assert indexes(send(_as(ben), {"product_ids": ["A"]}).json()["results"]) == [0]
    # She could still take it back and decide it “blind” anew.
    assert send(_as(anna), {"product_ids": ["A"]}).json()["results"] == []
