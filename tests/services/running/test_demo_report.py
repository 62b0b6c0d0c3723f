"""What is printed of the demo shop: short, with a reason for each miss; long only where asked."""

from __future__ import annotations

from typing import Any

from moderation.management import demo_text
from moderation.models import Analysis, ModelVersion
from moderation.services.running.demo_report import Budget, DemoReport, Planted, Scored


def analysis(similarity: float | None, *, error: str = "") -> Analysis:
    if similarity is None:
        return Analysis(error=error)
    return Analysis(similarity=similarity, threshold_used=0.25, is_mismatch=similarity < 0.25)


def planted(number: int, kind: str, row: Analysis | None) -> Planted:
    name = f"demo-{number:05d}"
    return Planted(name, "Red mug", row, mismatch=kind, true_text="Blue mug")


def found(**changes: Any) -> DemoReport:
    return DemoReport(
        **{
            "analysed": 10,
            "failed": 1,
            "flagged": 3,
            "planted": [
                planted(1, "colour", analysis(-0.1)),
                planted(2, "colour", analysis(0.31)),
                planted(3, "other type", analysis(None, error="The image is truncated.")),
                planted(4, "other type", None),
            ],
            "true": 6,
            "false_flags": [],
            "budget": Budget(0.3, 5, 2),
            "lesson": Budget(0.5, 7, 4),
            **changes,
        }
    )


def test_what_the_model_cannot_read_is_missed_for_that_reason() -> None:
    row = Analysis(unreadable="de", model_version=ModelVersion(name="small", languages=["en"]))
    said = demo_text.of_report(found(planted=[planted(1, "colour", row)]), verbose=False)
    assert "“Red mug”: The text looks German, and small reads English." in said


def test_the_short_report_counts_by_kind_and_gives_each_miss_its_reason() -> None:
    said = demo_text.of_report(found(), verbose=False).splitlines()

    assert said[1:8] == [
        "10 products analysed, 1 failed, 3 flagged.",
        "1 of 4 planted mismatches caught:",
        "  colour        1 of 2",
        "  other type    0 of 2",
        "  missed  demo-00002  colour         “Red mug”: its similarity is 0.310, and below 0.250 "
        "is flagged",
        "  missed  demo-00003  other type     “Red mug”: The image is truncated.",
        "  missed  demo-00004  other type     “Red mug”: it is not analysed yet",
    ]
    assert said[8] == "0 of 6 true listings flagged falsely."
    assert said[9].startswith("A threshold of 0.30 would flag the 5 most suspicious and catch 2;")
    assert said[10].endswith("--verbose")
    assert len(said) == 11


def test_many_false_flags_are_cut_short() -> None:
    false = [Scored(f"demo-{number:05d}", "A tie", analysis(0.1)) for number in range(8)]

    said = demo_text.of_report(found(false_flags=false), verbose=False)
    long = demo_text.of_report(found(false_flags=false), verbose=True)

    assert "8 of 6 true listings flagged falsely:" in said
    assert (said.count("“A tie”"), long.count("“A tie”")) == (5, 8)
    assert "  and 3 more" in said


def test_the_long_report_lists_every_planted_one_with_its_true_text() -> None:
    said = demo_text.of_report(found(), verbose=True)

    assert "  caught  demo-00001  colour         “Red mug”, true: “Blue mug”" in said
    assert said.count("true: “Blue mug”") == 4
    assert "python manage.py set_threshold --value 0.500" in said
