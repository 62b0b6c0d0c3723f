"""The keys of the queue: the usual ones, and those that a moderator chose instead."""

from __future__ import annotations

import string
from collections.abc import Mapping
from unicodedata import east_asian_width, normalize

from django.contrib.auth.models import User

from moderation.models import Decision, QueuePreferences

_WORDS = {Decision.Verdict.CONFIRM: "Mismatch", Decision.Verdict.DISMISS: "OK"}
_SPARE = string.digits[1:] + "0" + string.ascii_lowercase


def _in_a_sentence(reason: Decision.Reason) -> str:
    label = str(reason.label)
    return label[0].lower() + label[1:]


# Action -> (what it does, its usual key), in the order of the list on the page.
ACTIONS: dict[str, tuple[str, str]] = {
    "confirm": ("Mismatch, with the reason that stands out", "m"),
    "dismiss": ("They match", "o"),
    **{
        reason.answer: (f"{_WORDS[reason.verdict]}: {_in_a_sentence(reason)}", reason.key)
        for reason in Decision.Reason
    },
    "skip": ("Skip, and say why: it does not come back to you", "s"),
    "escalate": ("Ask a lead", "e"),
    "undo": ("Undo what you did last, up to ten acts", "u"),
    "group": ("Decide the similar items too", "g"),
    "zoom": ("Enlarge the photo, and back", "z"),
    "photos": ("The next photo of the listing", "v"),
    "image": ("Wrong is the photo", "p"),
    "text": ("Wrong is the text", "t"),
    "both": ("Wrong are both", "b"),
    "note": ("Write a note; Esc leaves it", "n"),
    "help": ("This list, and back", "?"),
}


class KeysError(ValueError):
    """A choice of keys that cannot be; `str(error)` is a sentence for the moderator."""


def usual() -> dict[str, str]:
    """Action -> key, as nobody changed them."""
    return {action: key for action, (_, key) in ACTIONS.items()}


def keys_of(user: User) -> tuple[dict[str, str], bool]:
    """Action -> key for this person, and whether keys are on at all."""
    chosen = QueuePreferences.objects.filter(user=user).first()
    if chosen is None:
        return usual(), True
    own = {action: key for action, key in chosen.keys.items() if action in ACTIONS}
    return _beside(own), chosen.keys_on


def _beside(own: Mapping[str, str]) -> dict[str, str]:
    """The keys of all actions where some were chosen.

    What a person chose takes precedence: where it is the usual key of another action (one that came
    later), that action gets the first key that nothing else has, digits first.
    """
    taken = set(own.values())
    spare = (key for key in _SPARE if key not in taken.union(usual().values()))
    return {
        action: own.get(action) or (next(spare) if key in taken else key)
        for action, key in usual().items()
    }


def _plain(key: str) -> str:
    """The key in lower case; the wide signs of an East Asian input method are the plain ones."""
    key = key.strip().lower()
    return normalize("NFKC", key) if len(key) == 1 and east_asian_width(key) == "F" else key


def save(user: User, *, keys: Mapping[str, str], on: bool) -> None:
    """Keep this person's keys. Raises `KeysError` where two actions would share one."""
    wanted = usual() | {name: _plain(key) for name, key in keys.items() if name in ACTIONS}
    taken: dict[str, str] = {}
    for action, key in wanted.items():
        if len(key) != 1 or not key.isprintable() or key.isspace():
            raise KeysError(f"“{ACTIONS[action][0]}” needs one key, not “{key[:20]}”.")
        if key in taken:
            other = ACTIONS[taken[key]][0]
            raise KeysError(
                f"“{key}” is the key of “{other}” and of “{ACTIONS[action][0]}”; change one."
            )
        taken[key] = action
    changed = {action: key for action, key in wanted.items() if key != ACTIONS[action][1]}
    QueuePreferences.objects.update_or_create(user=user, defaults={"keys": changed, "keys_on": on})
