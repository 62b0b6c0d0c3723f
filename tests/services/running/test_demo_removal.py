"""`demo --remove`: the demo shop goes, with all that was made of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction

from moderation.clip.prompts import DEFAULT_CATEGORIES
from moderation.models import (
    Analysis,
    Appeal,
    Category,
    Decision,
    Embedding,
    PhotoSignature,
    Product,
    ProductPhoto,
    ReviewItem,
    SavedView,
    Webhook,
)
from moderation.services.queue import review, review_undo
from moderation.services.registry import versions
from moderation.services.running import demo, demo_logins, demo_removal, setup
from moderation.services.scoring import reanalyze
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(
    settings: Any, tmp_path: Path, bundled: Any, groups: None, run_worker: Callable[[], int]
) -> User:
    """A demo shop of eight, all queued, one decided, one taken back; the login that did it."""
    settings.DEMO_DIR = tmp_path / "demo"
    setup.seed_categories()
    demo.draw(count=8)
    demo.bring_in()
    run_worker()
    reanalyze.run(reanalyze.Job(reanalyze.Which.ALL, versions.current(), threshold=1.0))
    demo_logins.make()
    login = User.objects.get(username=demo_logins.USERNAME)
    first, second = ReviewItem.objects.order_by("pk")[:2]
    review.decide(first, moderator=login, verdict="confirm", reason="other_product")
    review.decide(second, moderator=login, verdict="dismiss", reason="matches")
    review_undo.undo(moderator=login)
    return login


def remove(**options: Any) -> str:
    out = StringIO()
    call_command("demo", remove=True, stdout=out, **{"yes": True, **options})
    return out.getvalue()


def test_everything_of_the_demo_goes(shop: User, settings: Any, media: Path) -> None:
    Webhook.objects.create(name="Shop", url="https://shop.example/")
    Appeal.objects.create(
        decision=Decision.objects.first(), reference="R1", statement="No!", evidence={}
    )

    default = {name for name, _ in DEFAULT_CATEGORIES}
    own = len(set(Product.objects.values_list("category__name", flat=True)) - default)
    assert own

    said = remove()

    assert said.startswith("Removed of the demo shop: products 8, analyses 16, ")
    assert f"decisions 3, appeals 1, photos 8, drawings 8, categories {own}" in said
    assert said.splitlines()[0].endswith("logins 2.")
    assert "python manage.py createsuperuser makes your own login" in said
    for model in (Product, Analysis, ReviewItem, Decision, Appeal, Embedding, User):
        assert not model.objects.exists(), model
    assert not [path for path in media.rglob("*") if path.is_file()]
    assert not settings.DEMO_DIR.exists()
    names = Category.objects.values_list("name", flat=True)
    assert set(names) == default


def test_what_is_yours_stays_and_so_does_a_login_that_worked_on_it(
    shop: User, make_item: MakeItem, media: Path
) -> None:
    own = make_item("A1", category="Garden gnomes")
    shared = Product.objects.filter(source="demo").first()
    with shared.image.open() as photo:
        listing = {"image": photo.read(), "category": shared.category.name}
    copy = make_item("A2", text=shared.text, **listing)
    kept = review.decide(own, moderator=shop, verdict="confirm", reason="bad_text")

    said = remove()

    assert set(Product.objects.values_list("external_id", flat=True)) == {"A1", "A2"}
    assert Decision.objects.get() == kept
    shop.refresh_from_db()
    assert (shop.is_active, shop.has_usable_password()) == (False, False)
    assert "The user demo stays, without password and inactive" in said
    assert not User.objects.filter(username=demo_logins.LEAD).exists()
    assert (media / copy.analysis.image).is_file()
    names = set(Category.objects.values_list("name", flat=True))
    assert {"Garden gnomes", shared.category.name} <= names


def test_a_photo_that_another_listing_has_beside_its_main_one_stays(
    shop: User, make_item: MakeItem, media: Path
) -> None:
    shared = Product.objects.filter(source="demo").first()
    signature = PhotoSignature.objects.filter(image_sha256=shared.image_sha256)
    ProductPhoto.objects.create(
        product=make_item("A1").product,
        position=1,
        state="fetched",
        image=shared.image.name,
        image_sha256=shared.image_sha256,
    )
    there = signature.count()

    assert "photos 7," in remove()

    assert (media / shared.image.name).is_file()
    assert signature.count() == there


def test_decisions_are_protected_again_afterwards(
    shop: User, make_item: MakeItem, make_user: MakeUser
) -> None:
    remove()
    review.decide(
        make_item("A1"), moderator=make_user("anna"), verdict="confirm", reason="bad_text"
    )

    for change in (Decision.objects.all().delete, lambda: Decision.objects.update(note="x")):
        with pytest.raises(DatabaseError, match="append only"), transaction.atomic():
            change()
    assert Decision.objects.count() == 1


def test_what_fails_halfway_removes_nothing(shop: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no memory left")

    monkeypatch.setattr(demo_logins, "remove", fail)
    with pytest.raises(RuntimeError):
        remove()

    assert (Product.objects.count(), Decision.objects.count()) == (8, 3)
    with pytest.raises(DatabaseError, match="append only"), transaction.atomic():
        Decision.objects.update(note="x")


def test_twice_is_harmless_and_the_demo_can_come_back(shop: User) -> None:
    remove()

    assert remove() == "There is no demo shop.\n"
    demo.draw(count=8)
    assert demo.bring_in() == (8, 0)
    demo_logins.make()
    assert User.objects.get(username=demo_logins.USERNAME).check_password(demo_logins.PASSWORD)


def test_a_login_that_was_put_away_can_log_in_again(shop: User, make_item: MakeItem) -> None:
    review.decide(make_item("A1"), moderator=shop, verdict="confirm", reason="bad_text")
    remove()
    assert remove() == "There is no demo shop.\n"

    demo_logins.make()

    shop.refresh_from_db()
    assert shop.is_active and shop.check_password(demo_logins.PASSWORD)


def test_who_has_a_superuser_is_told_of_none(shop: User) -> None:
    User.objects.create_superuser("root", password="correct horse")

    assert "createsuperuser" not in remove()


def test_a_user_of_yours_that_is_called_demo_stays(shop: User) -> None:
    shop.set_password("correct horse")
    shop.save()
    SavedView.objects.create(owner=User.objects.get(username="demo-lead"), name="Shoes")

    said = remove()

    assert "The user demo stays: its password is not the demo's." in said
    shop.refresh_from_db()
    assert shop.is_active and shop.check_password("correct horse")
    assert SavedView.objects.exists()


def test_what_decisions_of_yours_were_taken_over_from_stays(
    shop: User, make_item: MakeItem
) -> None:
    own, first = make_item("A1"), Decision.objects.order_by("pk").first()
    Decision.objects.create(
        item=own,
        analysis=own.analysis,
        moderator=shop,
        verdict="confirm",
        mode="group",
        propagated_from=first,
    )

    said = remove()

    assert "Demo products that stay: 1." in said
    assert Product.objects.filter(source="demo").get() == first.item.product
    assert Decision.objects.count() == 2


# ── Asked first ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("answer", "left"), [("", 8), ("n", 8), ("y", 0), ("Yes", 0)])
def test_it_asks_first(shop: User, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)

    remove(yes=False)

    assert "8 demo products" in asked[0]
    assert Product.objects.count() == left


def test_without_anybody_to_ask_it_wants_yes(shop: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)

    with pytest.raises(CommandError, match="add --yes"):
        remove(yes=False)
    assert demo_removal.found() == 8


@pytest.mark.any_database
def test_yes_alone_starts_nothing() -> None:
    with pytest.raises(CommandError, match="--yes confirms --remove"):
        call_command("demo", yes=True)
