"""The keys of the queue: the usual ones, and those that a moderator chose instead."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User

from moderation.models import Decision, QueuePreferences

_ANSWERS = [
    (f"{verdict}:{reason}", f"{word}: {str(reason.label)[0].lower()}{str(reason.label)[1:]}")
    for verdict, word in ((Decision.Verdict.CONFIRM, "Mismatch"), (Decision.Verdict.DISMISS, "OK"))
    for reason in Decision.REASONS_FOR[verdict]
]
# Action -> (what it does, its usual key), in the order of the list on the page.
ACTIONS: dict[str, tuple[str, str]] = {
    "confirm": ("Mismatch, with the reason that stands out", "m"),
    "dismiss": ("They match", "o"),
    **{name: (label, str(number)) for number, (name, label) in enumerate(_ANSWERS, start=1)},
    "skip": ("Skip: somebody else looks at it", "s"),
    "escalate": ("Ask a lead", "e"),
    "undo": ("Undo what you did last, up to ten acts", "u"),
    "group": ("Decide the similar items too", "g"),
    "zoom": ("Enlarge the photo, and back", "z"),
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
    known = {action: key for action, key in chosen.keys.items() if action in ACTIONS}
    return usual() | known, chosen.keys_on


def save(user: User, *, keys: Mapping[str, str], on: bool) -> None:
    """Keep this person's keys. Raises `KeysError` where two actions would share one."""
    wanted = usual() | {name: key.strip().lower() for name, key in keys.items() if name in ACTIONS}
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
