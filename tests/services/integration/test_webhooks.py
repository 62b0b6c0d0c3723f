"""Signed webhooks: what is sent, when, how often, and what can still be held back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from moderation.admin.keyset import SEARCHED
from moderation.models import Decision, Delivery, Webhook
from moderation.services.integration import webhook_delivery, webhook_http, webhooks
from moderation.services.queue import review, review_undo
from tests.support.factories import MakeItem, MakeUser
from tests.support.paths import ROOT
from tests.support.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db

State = Delivery.State


@pytest.fixture(autouse=True)
def at_home(settings: Any) -> None:
    """Messages go to this machine, and at once."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    settings.UNDO_WINDOW_SECONDS = 0
    settings.WEBHOOK_TIMEOUT_SECONDS = 5


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hook(db: None, shop: Receiver) -> Webhook:
    return Webhook.objects.create(name="shop", url=shop.url)


@pytest.fixture
def decide(make_item: MakeItem, make_user: MakeUser) -> Callable[..., Decision]:
    """Decides a new item, and lets the shop be told of it."""

    def make(external_id: str = "SKU-1", **changes: Any) -> Decision:
        anna = User.objects.filter(username="anna").first() or make_user("anna")
        item = make_item(external_id, similarity=0.1)
        wish = {"verdict": "confirm", "reason": "other_colour", "wrong_side": "image", **changes}
        decision = review.decide(item, moderator=anna, note="only for us", **wish)
        if not decision.deliveries.exists():
            webhooks.announce([decision])
        return decision

    return make


def send() -> int:
    return webhooks.send_due(seconds=20)


def send_again() -> int:
    """As `send`, after the wait that a failed attempt asks for."""
    Delivery.objects.filter(state=State.WAITING).update(due_at=timezone.now())
    return send()


# ── What arrives ──────────────────────────────────────────────────────────────────────────────
def test_a_decision_arrives_once_and_signed(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decision = decide()
    assert send() == 1
    assert send() == 0

    (message,) = shop.messages
    assert message.path == "/hook?shop=1"
    assert message.headers["content-type"] == "application/json"
    assert message.is_signed_with(webhooks.secret_of(hook))
    assert not message.is_signed_with(webhooks.secret_of(Webhook(name="other")))
    told, version = message.data, decision.analysis.model_version
    assert (told["id"], told["type"]) == (message.id, "decision.made")
    assert told["data"] == {
        "decision_id": decision.pk,
        "corrects": None,
        "product_id": "SKU-1",
        "verdict": "confirm",
        "reason": "other_colour",
        "wrong_side": "image",
        "photo": 1,
        "mode": "queue",
        "decided_at": decision.created_at.isoformat().replace("+00:00", "Z"),
        "moderator_id": decision.moderator_id,
        "similarity": 0.1,
        "p_mismatch": decision.analysis.p_mismatch,
        "threshold": 0.99,
        "is_mismatch": True,
        "readable": True,
        "model_version": "bundled",
        "weights_sha256": version.weights_sha256,
        "image_sha256": decision.analysis.image_sha256,
        "content_hash": decision.analysis.content_hash,
    }
    assert b"only for us" not in message.body and b"anna" not in message.body
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.answer_status) == (State.SENT, 1, 200)
    assert row.sent_at is not None


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the Standard Webhooks specification's own test suite."""
    secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert webhook_http.shown_secret(secret) == f"whsec_{secret}"
    assert (
        webhook_http.signature(
            secret,
            event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_every_active_webhook_is_told_under_one_id(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    Webhook.objects.create(name="second", url=f"{shop.url}&second")
    Webhook.objects.create(name="off", url=f"{shop.url}&off", is_active=False)
    decide()
    assert send() == 2
    assert sorted(message.path[-6:] for message in shop.messages) == ["second", "shop=1"]
    assert len({message.id for message in shop.messages}) == 1


def test_second_opinions_are_not_told(
    hook: Webhook, decide: Callable[..., Decision], make_user: MakeUser, settings: Any
) -> None:
    settings.GOLD_SHARE = 1.0
    ben = make_user("ben")
    first = decide()
    second = review.decide(
        first.item.second_opinion, moderator=ben, verdict="dismiss", reason="matches"
    )
    webhooks.announce([second])
    assert not second.deliveries.exists()
    assert first.deliveries.count() == 1


# ── What does not arrive at once ──────────────────────────────────────────────────────────────
def test_a_failed_message_comes_again_with_the_same_id(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    shop.answers = [500, 301]
    decide()
    assert send() == 1
    row = Delivery.objects.get()
    assert (row.state, row.answer_status) == (State.WAITING, 500)
    assert 15 <= (row.due_at - timezone.now()).total_seconds() + 1 <= 31
    assert send() == 0  # not before its time
    assert send_again() == 1
    assert "redirects are not followed" in Delivery.objects.get().error
    assert send_again() == 1
    assert {message.id for message in shop.messages} == {str(row.event_id)}
    assert [message.path for message in shop.messages] == ["/hook?shop=1"] * 3
    assert len({message.body for message in shop.messages}) == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == (State.SENT, 3, "")


def test_after_the_last_attempt_it_is_given_up_with_the_reason(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision], settings: Any
) -> None:
    settings.WEBHOOK_MAX_ATTEMPTS = 2
    shop.answers = [503, 404]
    decide()
    send(), send_again()
    assert send_again() == 0
    row = Delivery.objects.get()
    assert (row.state, row.attempts, row.answer_status) == (State.FAILED, 2, 404)
    assert row.error == "Answered 404; only 200 to 299 counts as delivered."


def test_eight_attempts_take_about_a_day() -> None:
    waits = [webhook_delivery.seconds_to_wait(attempt) for attempt in range(1, 8)]
    assert 11 <= sum(waits) / 3600 <= 25
    for attempt, wait in enumerate(waits, start=1):
        longest = min(30 * 4 ** (attempt - 1), 12 * 3600)
        assert longest / 2 <= wait <= longest
    assert len({webhook_delivery.seconds_to_wait(5) for _ in range(5)}) > 1


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A header that never ends, though each piece comes in time."""
    for _ in range(100):
        time.sleep(0.1)
        try:
            handler.wfile.write(b"x")
        except OSError:
            return


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(1.5)


@pytest.mark.parametrize("slow", [drip, hang])
def test_a_slow_receiver_is_left_in_time_and_holds_up_only_its_own_messages(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision], settings: Any, slow: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.4
    decide("A"), decide("B")
    with receiving() as other:
        Webhook.objects.create(name="other", url=other.url)
        decide("C")
        shop.answers = [slow, slow, slow]
        started = time.monotonic()
        assert send() == 2
        assert time.monotonic() - started < 1.2
        assert len(shop.messages) == 1  # the others of this receiver wait with it
        assert [message.data["data"]["product_id"] for message in other.messages] == ["C"]
    late = Delivery.objects.get(attempts=1, state=State.WAITING)
    assert late.answer_status is None
    assert late.error == "No answer within 0.4 seconds."
    shop.answers = []
    assert send_again() == 3
    assert not Delivery.objects.exclude(state=State.SENT).exists()


def test_one_silent_message_holds_up_the_others_for_minutes_only(
    shop: Receiver,
    hook: Webhook,
    decide: Callable[..., Decision],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.4
    shop.answers = [hang]
    silent = decide("A")
    assert send() == 1
    now = timezone.now()
    Delivery.objects.filter(decision=silent).update(attempts=6, due_at=now + timedelta(hours=8))
    decide("B")
    assert send() == 0  # it has just been tried
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=5))
    assert send() == 1
    assert shop.messages[-1].data["data"]["product_id"] == "B"
    assert silent.deliveries.get().state == State.WAITING


def test_the_time_of_a_run_is_bounded(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    for number in range(4):
        decide(f"SKU-{number}")

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        handler.send_response(200)
        handler.end_headers()

    shop.answers = [slow] * 4
    assert webhooks.send_due(seconds=0.4) == 2
    assert send() == 2


def test_an_inactive_webhook_gets_its_messages_when_it_is_active_again(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decide()
    Webhook.objects.update(is_active=False)
    assert send() == 0
    Webhook.objects.update(is_active=True)
    assert send() == 1


# ── Undo ──────────────────────────────────────────────────────────────────────────────────────
def test_an_undo_within_the_window_means_that_nothing_is_ever_sent(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision], settings: Any
) -> None:
    settings.UNDO_WINDOW_SECONDS = 600
    decision = decide()
    wait = decision.deliveries.get().due_at - decision.created_at
    assert abs(wait - timedelta(seconds=600)) < timedelta(seconds=5)
    assert send() == 0
    review_undo.undo(moderator=decision.moderator)
    assert Delivery.objects.get().state == State.CANCELLED
    assert send_again() == 0
    assert not shop.messages


@pytest.mark.parametrize("answers", [[200], [500], [404, 404]])
def test_what_has_left_is_not_taken_back(
    shop: Receiver,
    hook: Webhook,
    decide: Callable[..., Decision],
    settings: Any,
    answers: list[int],
) -> None:
    """Delivered, about to be tried again, or given up: each may have arrived."""
    settings.WEBHOOK_MAX_ATTEMPTS = 2
    gone, waiting = decide("A"), decide("B")
    Delivery.objects.filter(decision=waiting).update(due_at=timezone.now() + timedelta(hours=1))
    shop.answers = list(answers)
    send()
    for _ in answers[1:]:
        Delivery.objects.filter(decision=gone).update(due_at=timezone.now())
        send()
    with transaction.atomic():
        assert not webhooks.take_back([gone, waiting])
    assert waiting.deliveries.get().state == State.WAITING
    with transaction.atomic():
        assert webhooks.take_back([waiting])


def test_of_several_only_what_has_not_left_is_cancelled(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    """Also where one webhook was told, and another one was not yet."""
    both, tried = decide("A"), decide("B")
    shop.answers = [200, 500]
    assert send() == 2
    Webhook.objects.create(name="second", url=f"{shop.url}&second", is_active=False)
    waiting, unknown = decide("C"), decide("D")
    Delivery.objects.filter(decision=unknown).delete()
    half = both.deliveries.get()
    second = Webhook.objects.get(name="second")
    Delivery.objects.create(
        webhook=second,
        event=half.event,
        event_id=half.event_id,
        decision=both,
        payload=half.payload,
        due_at=timezone.now(),
    )
    with transaction.atomic():
        assert webhooks.hold_back([both, tried, waiting, unknown]) == {both.pk, tried.pk}
    states = Delivery.objects.values_list("decision", "webhook", "state")
    assert set(states) == {
        (both.pk, hook.pk, State.SENT),
        (both.pk, second.pk, State.CANCELLED),
        (tried.pk, hook.pk, State.WAITING),
        (waiting.pk, hook.pk, State.CANCELLED),
    }


def test_an_undo_after_the_shop_was_told_is_refused(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decision = decide()
    send()
    with pytest.raises(review.ReviewError, match="notified"):
        review_undo.undo(moderator=decision.moderator)
    assert Decision.objects.get() == decision
    decision.item.refresh_from_db()
    assert decision.item.state == "decided"


def test_without_a_webhook_everything_can_be_taken_back(decide: Callable[..., Decision]) -> None:
    decision = decide()
    with transaction.atomic():
        assert webhooks.take_back([decision])


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_taken_back_at_this_moment_is_not_claimed(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decision = decide()
    row = Delivery.objects.get()
    undoing = threading.Event()

    def undo() -> bool:
        try:
            with transaction.atomic():
                taken = webhooks.take_back([decision])
                undoing.set()
                time.sleep(0.3)  # the claim below comes before the commit
                return taken
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(undo)
        assert undoing.wait(10)
        assert not webhook_delivery._claim(row)
        assert taken.result()
    assert send() == 0
    assert decision.deliveries.get().state == State.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_message_that_is_claimed_at_this_moment_is_not_taken_back(
    hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decision = decide()
    row = Delivery.objects.get()
    claiming = threading.Event()

    def claim() -> bool:
        try:
            with transaction.atomic():
                claimed = webhook_delivery._claim(row)
                claiming.set()
                time.sleep(0.3)  # the undo below looks before the commit
                return claimed
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(claim)
        assert claiming.wait(10)
        with transaction.atomic():
            assert not webhooks.take_back([decision])
        assert claimed.result()
    assert decision.deliveries.get().state == State.SENDING


# ── Replay and test ───────────────────────────────────────────────────────────────────────────
def test_a_replay_sends_the_same_message_again(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    decision = decide()
    send()
    webhooks.replay(Delivery.objects.get())
    with transaction.atomic():
        assert not webhooks.take_back([decision])
    assert send() == 1
    first, again = shop.messages
    assert (first.id, first.body) == (again.id, again.body)


def test_only_what_was_tried_is_replayed(
    hook: Webhook, decide: Callable[..., Decision], settings: Any
) -> None:
    settings.UNDO_WINDOW_SECONDS = 600
    decision = decide()
    with pytest.raises(webhooks.WebhookError, match="it is waiting"):
        webhooks.replay(decision.deliveries.get())
    with transaction.atomic():
        webhooks.take_back([decision])
    with pytest.raises(webhooks.WebhookError, match="it is cancelled"):
        webhooks.replay(decision.deliveries.get())


def test_a_ping_is_sent_once_and_now(shop: Receiver, hook: Webhook) -> None:
    shop.answers = [500]
    assert webhooks.ping(hook).state == State.FAILED
    assert webhooks.ping(hook).state == State.SENT
    assert [message.data["type"] for message in shop.messages] == ["ping", "ping"]
    assert send() == 0


def test_after_a_rotation_only_the_new_secret_signs(shop: Receiver, hook: Webhook) -> None:
    former = webhooks.secret_of(hook)
    webhooks.rotate(hook)
    webhooks.ping(Webhook.objects.get())
    (message,) = shop.messages
    assert message.is_signed_with(webhooks.secret_of(Webhook.objects.get()))
    assert not message.is_signed_with(former)


# ── A worker that dies ────────────────────────────────────────────────────────────────────────
def test_messages_of_a_killed_worker_come_back(
    hook: Webhook, decide: Callable[..., Decision], settings: Any
) -> None:
    settings.WEBHOOK_MAX_ATTEMPTS = 2
    decide()
    row = Delivery.objects.get()
    assert webhook_delivery._claim(row)  # and then it is killed
    assert send() == 0  # while the lease runs
    Delivery.objects.update(due_at=timezone.now())
    assert send() == 1
    assert Delivery.objects.get().attempts == 2
    # What the forerunner would still write, were it alive, changes nothing.
    webhook_delivery._settle(row, (500, "late"), final=False)
    assert Delivery.objects.get().state == State.SENT

    Delivery.objects.update(state=State.SENDING, due_at=timezone.now())
    assert send() == 0
    assert Delivery.objects.get().error == "The worker stopped while it sent this."


SEND = """
import django
django.setup()
from moderation.services.integration import webhooks
webhooks.send_due(seconds=30)
"""


@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_in_the_middle_loses_nothing(
    shop: Receiver, hook: Webhook, decide: Callable[..., Decision]
) -> None:
    for number in range(6):
        decide(f"SKU-{number}")
    here = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        here.set()
        time.sleep(3)

    shop.answers = [200, 200, stall]
    name = connection.settings_dict["NAME"]
    database = (
        f"sqlite:///{name}"
        if connection.vendor == "sqlite"
        else "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    )
    process = subprocess.Popen(
        [sys.executable, "-c", SEND],
        cwd=ROOT,
        env={
            **os.environ,
            "CLIPMOD_ENV_FILE": "/dev/null",
            "DJANGO_SETTINGS_MODULE": "clipmod.settings",
            "DATABASE_URL": database,
        },
    )
    assert here.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert Delivery.objects.filter(state=State.SENDING).count() == 1
    Delivery.objects.filter(state=State.SENDING).update(due_at=timezone.now())
    assert send() == 4
    assert not Delivery.objects.exclude(state=State.SENT).exists()
    arrived = [message.id for message in shop.messages]
    assert (len(arrived), len(set(arrived))) == (7, 6)


# ── Where messages may go ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"])
def test_no_message_goes_into_a_private_network(
    shop: Receiver, hook: Webhook, settings: Any, host: str
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    hook.url = shop.url.replace("127.0.0.1", host)
    row = webhooks.ping(hook)
    assert row.state == State.FAILED
    assert "private network" in row.error or "not found" in row.error
    assert not shop.messages


def test_one_private_address_among_public_ones_is_enough(
    shop: Receiver, hook: Webhook, settings: Any, monkeypatch: Any
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = False
    found = [(0, 0, 0, "", ("93.184.215.14", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **named: found)
    hook.url = "http://shop.example/hook"
    assert "10.0.0.1" in webhooks.ping(hook).error


def test_the_connection_goes_to_the_address_that_was_looked_at(
    shop: Receiver, hook: Webhook, monkeypatch: Any
) -> None:
    """A name that means another address a moment later (DNS rebinding) leads nowhere else."""
    asked = []
    original = socket.getaddrinfo

    def once(host: str, *args: Any, **named: Any) -> Any:
        asked.append(host)
        return original("127.0.0.1" if host == "shop.example" else host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    hook.url = shop.url.replace("127.0.0.1", "shop.example")
    assert webhooks.ping(hook).state == State.SENT
    assert asked.count("shop.example") == 1
    assert shop.messages[0].headers["host"].startswith("shop.example:")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[2606:4700::1111]/x", "[2606:4700::1111]", 80),
        ("http://[2606:4700::1111]:8080/x", "[2606:4700::1111]:8080", 8080),
        ("http://8.8.8.8/x", "8.8.8.8", 80),
    ],
)
def test_a_numeric_address_keeps_its_port(
    shop: Receiver, hook: Webhook, monkeypatch: pytest.MonkeyPatch, url: str, host: str, port: int
) -> None:
    asked = []
    original = socket.create_connection

    def here(address: tuple[str, int], *args: Any) -> socket.socket:
        asked.append(address)
        return original(("127.0.0.1", int(shop.url.split("/")[2].split(":")[1])), *args)

    monkeypatch.setattr(socket, "create_connection", here)
    hook.url = url
    assert webhooks.ping(hook).state == State.SENT
    assert asked == [(host.partition("]")[0].strip("["), port)]
    assert shop.messages[0].headers["host"] == host


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "https://{at}/x", "http://no.invalid/"])
def test_a_receiver_that_cannot_be_reached_is_named_as_such(
    shop: Receiver, hook: Webhook, url: str
) -> None:
    hook.url = url.format(at=shop.url.split("/")[2])
    row = webhooks.ping(hook)
    assert (row.state, row.answer_status) == (State.FAILED, None)
    assert row.error.startswith(("No answer", "No secure connection", "The host no.invalid"))


# ── In the admin ──────────────────────────────────────────────────────────────────────────────
def browser(make_user: MakeUser, group: str) -> Client:
    client = Client()
    client.force_login(make_user(f"the-{group}", group=group))
    return client


@pytest.mark.any_database
def test_a_lead_makes_a_webhook_and_sees_its_secret_once(
    shop: Receiver, make_user: MakeUser
) -> None:
    lead = browser(make_user, "lead")
    page = lead.post(
        "/admin/moderation/webhook/add/", {"name": "shop", "url": shop.url, "is_active": "on"}
    )
    made = Webhook.objects.get()
    assert made.created_by is not None and made.created_by.username == "the-lead"
    secret = webhooks.secret_of(made)
    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    address = f"/admin/moderation/webhook/{made.pk}/"
    assert secret not in lead.get(f"{address}change/").content.decode()

    page = lead.post(f"{address}rotate/")
    made.refresh_from_db()
    assert webhooks.secret_of(made) in page.content.decode()
    assert webhooks.secret_of(made) != secret

    answer = lead.post(f"{address}ping/", follow=True).content.decode()
    assert "answered 200" in answer
    assert shop.messages[0].is_signed_with(webhooks.secret_of(made))


@pytest.mark.any_database
@pytest.mark.parametrize("url", ["ftp://shop.example/", "http://me:secret@shop.example/"])
def test_an_address_that_cannot_be_used_is_refused(make_user: MakeUser, url: str) -> None:
    page = browser(make_user, "lead").post(
        "/admin/moderation/webhook/add/", {"name": "shop", "url": url, "is_active": "on"}
    )
    assert page.status_code == 200
    assert not Webhook.objects.exists()


@pytest.mark.any_database
def test_the_log_is_read_and_what_was_given_up_is_sent_again(
    shop: Receiver,
    hook: Webhook,
    decide: Callable[..., Decision],
    make_user: MakeUser,
    settings: Any,
) -> None:
    settings.WEBHOOK_MAX_ATTEMPTS = 1
    shop.answers = [500]
    decide()
    send()
    row = Delivery.objects.get()
    lead = browser(make_user, "lead")
    log = "/admin/moderation/delivery/"
    page = lead.get(f"{log}?state__exact=failed").content.decode()
    assert "Given up" in page and "SKU-1" in page
    assert f"in the newest {SEARCHED:,}" in page  # what the search does look through
    assert "SKU-1" not in lead.get(f"{log}?state__exact=sent").content.decode()
    assert "Answered 500" in lead.get(f"{log}{row.pk}/change/").content.decode()
    page = lead.post(log, {"action": "send_again", "_selected_action": [row.pk]}, follow=True)
    assert "1 message" in page.content.decode()
    assert send() == 1
    assert len(shop.messages) == 2


@pytest.mark.any_database
def test_only_leads_see_webhooks_and_nobody_deletes_one(hook: Webhook, make_user: MakeUser) -> None:
    moderator = browser(make_user, "moderator")
    address = f"/admin/moderation/webhook/{hook.pk}/"
    for path in ("/admin/moderation/webhook/", "/admin/moderation/delivery/", f"{address}change/"):
        assert moderator.get(path).status_code == 403, path
    for action in ("rotate", "ping"):
        assert moderator.post(f"{address}{action}/").status_code == 403
        assert browser_get_status(make_user, f"{address}{action}/") == 405
    root = Client()
    root.force_login(User.objects.create_superuser("root", password="x"))
    assert root.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert Webhook.objects.exists()


def browser_get_status(make_user: MakeUser, path: str) -> int:
    lead = User.objects.filter(username="the-lead").first() or make_user("the-lead", group="lead")
    client = Client()
    client.force_login(lead)
    return client.get(path).status_code
