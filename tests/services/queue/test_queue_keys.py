"""Reasons and keys: each stands in one place, and what hands have learned never moves."""

from __future__ import annotations

import re

import pytest

from moderation.models import Decision, QueuePreferences
from moderation.services.queue import queue_keys
from tests.support.factories import MakeUser
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
# As they were when hands learned them.
LEARNED = {
    "other_product": "1",
    "other_colour": "2",
    "other_detail": "3",
    "unusable_photo": "4",
    "bad_text": "5",
    "matches": "6",
    "close_enough": "7",
    "unclear": "8",
}


def test_the_keys_of_the_first_reasons_never_move() -> None:
    assert {reason: Decision.Reason(reason).key for reason in LEARNED} == LEARNED


def test_every_action_has_one_key_of_its_own() -> None:
    keys = list(queue_keys.usual().values())

    assert len(set(keys)) == len(keys) and {len(key) for key in keys} == {1}
    assert all(reason.answer in queue_keys.ACTIONS for reason in Decision.Reason)


def test_each_reason_goes_with_one_verdict_and_an_undo_has_none() -> None:
    listed = [reason for verdict in Decision.Verdict for reason in verdict.reasons]

    assert sorted(listed) == sorted(Decision.Reason)
    assert Decision.Verdict.answers() == ["confirm", "dismiss"]
    assert Decision.Reason.UNCLEAR in Decision.Reason.no_labels()


@pytest.mark.django_db
def test_a_key_that_somebody_chose_is_theirs_though_a_new_action_has_it_usually(
    make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = make_user("anna")
    queue_keys.save(anna, keys={"skip": "j", "note": "x"}, on=True)
    first_free = next(key for key in "1234567890ac" if key not in queue_keys.usual().values())
    monkeypatch.setitem(queue_keys.ACTIONS, "confirm:new", ("Mismatch: something new", "j"))

    keys, is_on = queue_keys.keys_of(anna)

    assert is_on and keys["skip"] == "j" and keys["confirm:new"] == first_free
    assert len(set(keys.values())) == len(queue_keys.ACTIONS)
    queue_keys.save(anna, keys=keys, on=True)  # as the page sends them all
    assert queue_keys.keys_of(anna)[0] == keys
    assert queue_keys.keys_of(make_user("ben"))[0]["confirm:new"] == "j"


@pytest.mark.django_db
def test_the_chosen_key_of_an_action_that_is_gone_is_free(make_user: MakeUser) -> None:
    anna = make_user("anna")
    QueuePreferences.objects.create(user=anna, keys={"confirm:gone": "1"}, keys_on=True)

    assert queue_keys.keys_of(anna)[0] == queue_keys.usual()


def test_the_documents_name_every_key_and_reason() -> None:
    (table,) = re.findall(r"^\| key \|.*?(?=\n\n)", _read("queue.md"), re.S | re.M)
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    # Keys after "then" are those of a window that the first one opens.
    named = [key for row in rows for key in _keys(row.partition(", then")[0])]

    assert sorted(named) == sorted(queue_keys.usual().values())
    assert [set(_keys(row)) for row in rows[:2]] == [
        {reason.key for reason in verdict.reasons} | {queue_keys.usual()[verdict]}
        for verdict in Decision.Verdict.answers()
    ]
    assert all(f"`{reason}`" in _read("webhooks.md") for reason in Decision.Reason)


def _read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _keys(row: str) -> list[str]:
    """The keys that a row of the table names; `1` – `3` are three."""
    found: list[str] = []
    for first, last in re.findall(r"`(.)`(?: – `(.)`)?", row):
        found += [chr(code) for code in range(ord(first), ord(last or first) + 1)]
    return [key.lower() for key in found]
