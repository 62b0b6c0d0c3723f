"""A small shop in which each kind of row exists once, and somebody of each role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success
from django_q.signing import SignedPackage
from knox.models import AuthToken

from moderation.models import (
    Analysis,
    Delivery,
    Evaluation,
    Product,
    ProductPhoto,
    QueuePreferences,
    ReviewItem,
    SavedView,
    ShadowReport,
    TrainingRun,
    VersionEvent,
    Webhook,
)
from moderation.services.catalogue import intake
from moderation.services.integration import appeal_filing, tokens
from moderation.services.queue import review
from moderation.services.registry import activation, registering
from moderation.services.running import setup
from moderation.services.scoring import results
from moderation.services.worker import heartbeat
from tests.support.photos import photo

from .roles import ROLES
from .table import TABLES


@dataclass
class Visitor:
    """Somebody of a role, with the means to send requests as them."""

    role: str
    user: User | None
    client: Client
    headers: dict[str, str]
    cookies: dict[str, str]

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """One request, as if it were the first one: an earlier logout changes nothing."""
        self.client.cookies.clear()
        for name, value in self.cookies.items():
            self.client.cookies[name] = value
        call = getattr(self.client, method.lower())
        data = {"data": dict(body)} if body else {}
        return call(path, headers=self.headers, **data)


def visitors() -> dict[str, Visitor]:
    """All of them; one handler serves them all, so that the middleware is loaded once."""
    handler = Client().handler
    found = {}
    for name, role in ROLES.items():
        client = Client()
        client.handler = handler
        user, headers = None, {}
        if name != "anonymous":
            user = User(
                username=name.replace("_", "-"),
                is_staff=role.is_staff,
                is_superuser=role.is_superuser,
            )
            user.set_unusable_password()
            user.save()
            if role.group:
                user.groups.add(Group.objects.get(name=role.group))
        if role.has_token:
            headers = {"authorization": f"Token {AuthToken.objects.create(user)[1]}"}
        elif user is not None:
            client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
        cookies = {key: morsel.value for key, morsel in client.cookies.items()}
        found[name] = Visitor(name, user, client, headers, cookies)
    return found


def token_of(user: User, scopes: Iterable[str]) -> Visitor:
    """A program with a token of just these scopes."""
    _, secret = tokens.create(user, scopes=list(scopes))
    headers = {"authorization": f"Token {secret}"}
    return Visitor(" ".join(scopes) or "no scope", user, Client(), headers, {})


def build() -> None:
    """Groups, a model, a listing that waits for review and one that was decided, and the rest."""
    setup.seed_groups()
    version = registering.register(registering.BUNDLED)
    activation.activate(version)
    heartbeat.beat("test/0/0")
    ben = User.objects.create(username="ben", is_staff=True)
    for table in TABLES:
        if table.example:
            apps.get_model(table.model).objects.create(**table.example)
    _item("OPEN", mark=1)
    decided = _item("DECIDED", mark=2)
    review.decide(decided, moderator=ben, verdict="confirm", reason="other_product")
    _records(version, ben)
    # Nothing is asked there: addresses of this kind are refused.
    ProductPhoto.objects.create(product=decided.product, position=1, url="http://127.0.0.1:9/1.jpg")
    _outside(version, decided)
    _work()


def _item(external_id: str, *, mark: int) -> ReviewItem:
    """A flagged listing, without asking the model."""
    listing = intake.Listing(
        external_id=external_id,
        text="A red ball",
        image=photo(mark=mark),
        category="Balls",
        seller="Ann",
    )
    product, _ = intake.take(listing, source=Product.Source.IMPORT)
    row = Analysis.objects.select_related("product", "model_version").get(product=product)
    row.threshold_override = 0.99
    results.apply_score(row, 0.0)
    with transaction.atomic():
        row.save()
        results.settle([row])
    return ReviewItem.objects.get(product=product)


def _records(version: Any, ben: User) -> None:
    Evaluation.objects.create(version=version, dataset="pairs.csv", report={}, passed=True)
    counts = {"count": 0}
    report = {
        "newly_flagged": 0,
        "no_longer_flagged": 0,
        "flipped_share": 0.0,
        "categories": [],
        "decided": {"mismatches": counts, "matches": counts},
        "examples": {"newly_flagged": [], "no_longer_flagged": []},
        "histogram": {"before": [], "after": [], "lowest": 0.0, "bin": 0.1},
    }
    ShadowReport.objects.create(version=version, baseline=version, report=report)
    VersionEvent.objects.create(version=version, kind=VersionEvent.Kind.ACTIVATED, by=ben)
    TrainingRun.objects.create(base=version, status=TrainingRun.Status.DONE, live=None)


def _outside(version: Any, decided: ReviewItem) -> None:
    """What goes to the shop and comes from it."""
    decision = decided.decisions.get()
    # Nothing listens there: a test message is refused at once.
    hook = Webhook.objects.create(name="shop", url="http://127.0.0.1:9/told")
    appeal_filing.file(decision, reference="APPEAL-1", statement="It is a ball.", filed_by=None)
    Delivery.objects.create(
        webhook=hook, event="decision", decision=decision, payload={}, due_at=timezone.now()
    )


def _work() -> None:
    """What the worker has done, and what waits for it."""
    ended = {"func": "math.sqrt", "args": (4,), "started": timezone.now()}
    ended |= {"stopped": timezone.now(), "result": 2}
    Success.objects.create(id="a" * 32, name="well", success=True, **ended)
    Failure.objects.create(id="b" * 32, name="ill", success=False, **ended)
    task = {"id": "c" * 32, "name": "waits", "func": "math.sqrt", "args": (4,), "kwargs": {}}
    OrmQ.objects.create(key="clipmod", payload=SignedPackage.dumps(task), lock=timezone.now())


def desks(found: dict[str, Visitor]) -> None:
    """What each person has of their own."""
    for visitor in found.values():
        if visitor.user is not None:
            QueuePreferences.objects.create(user=visitor.user)
            SavedView.objects.create(name="Mine", owner=visitor.user)


@cache
def example(model: Any, user: User | None) -> Model | None:
    """A row of a model, of the user's own where rows have owners."""
    rows = model._default_manager.order_by("pk")
    fields = {field.name for field in model._meta.get_fields()}
    for owner in ("owner", "user"):
        if owner in fields and user is not None and rows.filter(**{owner: user}).exists():
            return rows.filter(**{owner: user}).first()
    return rows.first()
