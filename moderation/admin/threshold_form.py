"""The form in which a lead says what the thresholds must reach."""

from __future__ import annotations

from typing import Any

from django import forms

from moderation.services.release.threshold_targets import Evidence, Target

KINDS = [
    ("budget", "Reviews a day"),
    ("precision", "Precision"),
    ("recall", "Recall"),
    ("value", "A value"),
]
KEEP, NONE, BY_PRECISION = "keep", "none", "precision"
# The field that must be filled in for each kind.
_AMOUNT = {"budget": "reviews", "precision": "precision", "recall": "recall", "value": "value"}


def _number(label: str, low: float, high: float | None = None) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        required=False,
        min_value=low,
        max_value=high,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )


class TargetForm(forms.Form):
    """One target with its amount, and what becomes of the band of clear mismatches."""

    kind = forms.ChoiceField(label="Target", choices=KINDS)
    reviews = _number("Reviews a day", 0.01)
    arrivals = _number("Products a day", 0.01)
    precision = _number("Precision", 1, 99.9)
    precision_confidence = _number("Confidence of the precision", 1, 99.9)
    recall = _number("Recall", 1, 99.9)
    recall_confidence = _number("Confidence of the recall", 1, 99.9)
    value = _number("Similarity", -1, 1)
    clear = forms.ChoiceField(
        label="Clear band",
        choices=[(KEEP, "as it is"), (NONE, "no such band"), (BY_PRECISION, "by precision")],
    )
    clear_precision = _number("Precision of the clear band", 1, 99.9)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        needed = [_AMOUNT.get(found.get("kind", ""), "")]
        if found.get("clear") == BY_PRECISION:
            needed.append("clear_precision")
        for name in needed:
            if name and found.get(name) is None and name not in self.errors:
                self.add_error(name, "Fill in the number that goes with your choice.")
        return found

    def target(self) -> Target:
        """What a valid form asks for."""
        found = self.cleaned_data
        kind = found["kind"]
        amount = found[_AMOUNT[kind]]
        confidence = found.get(f"{kind}_confidence")
        clear = {KEEP: None, NONE: 0.0, BY_PRECISION: found["clear_precision"]}[found["clear"]]
        return Target(
            kind=kind,
            amount=_share(amount) if kind in ("precision", "recall") else amount,
            confidence=None if confidence is None else _share(confidence),
            arrivals=found["arrivals"] if kind == "budget" else None,
            clear_precision=None if clear is None else _share(clear),
        )


def _share(percent: float) -> float:
    return round(percent / 100, 6)


def _percent(share: float) -> float:
    return round(100 * share, 4)


def _tidy(number: float) -> float | None:
    """One decimal below ten, none above; None for nothing."""
    return round(number) if number >= 10 else round(number, 1) or None


def first_look(found: Evidence) -> dict[str, Any]:
    """What the form holds before anybody has written into it: the target that holds now."""
    start: dict[str, Any] = {
        "kind": "budget",
        "reviews": 50,
        "arrivals": found.version.thresholds_from.get("arrivals") or _tidy(found.arrivals),
        "precision": 90,
        "precision_confidence": 90,
        "recall": 90,
        "value": round(found.version.threshold, 3),
        "clear": KEEP,
        "clear_precision": 95,
    }
    holds = found.version.thresholds_from
    if holds.get("kind") in _AMOUNT:
        kind, amount = holds["kind"], holds["amount"]
        is_share = kind in ("precision", "recall")
        start |= {"kind": kind, _AMOUNT[kind]: _percent(amount) if is_share else amount}
        if is_share and holds.get("confidence") is not None:
            start[f"{kind}_confidence"] = _percent(holds["confidence"])
    if holds.get("clear_precision"):
        start["clear_precision"] = _percent(holds["clear_precision"])
    return start
