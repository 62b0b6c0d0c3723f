"""The lines of a template can be read: djade formats them, but breaks none."""

from tests.support.paths import ROOT

LONGEST = 140


def test_no_line_of_a_template_runs_out_of_sight() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{number} has {len(line)} characters: break it where the browser "
        "sees a space already, or beside a block."
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LONGEST
    ]
    assert not long, "\n".join(long)
