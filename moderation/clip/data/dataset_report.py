"""What was found in a CSV of labelled pairs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from moderation.clip.finetune.refusals import MIN_OF_EACH

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One kind of trouble; `lines` are line numbers of the file, the header being line 1."""

    kind: str
    severity: Severity
    message: str
    lines: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A row that can be used; `image` is the SHA-256 of the photo's bytes."""

    line: int
    image_path: str
    text: str
    label: int
    image: str
    signature: np.ndarray


@dataclass
class DatasetReport:
    """What was found in a file."""

    rows: int = 0
    matches: int = 0
    mismatches: int = 0
    findings: list[Finding] = field(default_factory=list)
    usable: list[Row] = field(default_factory=list)

    def add(
        self, kind: str, lines: list[int], message: str, *, severity: Severity = "error"
    ) -> None:
        """Add a finding about these lines, if there are any; `message` has a {} for the rows."""
        if lines:
            told = message.format(count(len(lines), "row"))
            self.findings.append(Finding(kind, severity, told, lines))

    @property
    def is_fit(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One line for people."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        if errors:
            return f"Not fit for training: {count(errors, 'error')} to fix first."
        if min(self.matches, self.mismatches) < MIN_OF_EACH:
            return "Sound, but too small to train on."
        if warnings:
            return f"Fit for training, with {count(warnings, 'warning')}."
        return "Fit for training."

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "matches": self.matches,
            "mismatches": self.mismatches,
            "fit": self.is_fit,
            "verdict": self.verdict,
            "findings": [vars(finding) for finding in self.findings],
        }


def count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
