"""Of a long description one part is named: it speaks of looks, and clearly does not fit."""

from moderation.clip.explanation.explain_parts import CLEARLY, judged

TEXTS = ["Red shirt for men", "Machine washable.", "A blue collar.", "Comes with a mug."]
THRESHOLD = 0.25


def misfits(*similarities: float) -> list[str]:
    parts = judged(TEXTS, similarities, threshold=THRESHOLD)
    assert [part.similarity for part in parts] == list(similarities)
    return [part.text for part in parts if not part.fits]


def test_the_worst_that_speaks_of_looks_is_named() -> None:
    low = THRESHOLD - CLEARLY
    assert misfits(0.5, -0.9, low - 0.1, low - 0.2) == ["Comes with a mug."]
    assert misfits(0.5, -0.9, low - 0.2, low - 0.1) == ["A blue collar."]


def test_nothing_is_named_that_is_not_clear() -> None:
    assert misfits(0.5, -0.9, 0.2, 0.1) == []


def test_the_title_is_no_part_of_the_description() -> None:
    assert misfits(-0.9, 0.5, 0.5, 0.5) == []
