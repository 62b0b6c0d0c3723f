"""What the model made of the demo shop: caught, missed and falsely flagged."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass

from django.conf import settings

from moderation.models import Analysis, Product, ReviewItem

REVIEW_SHARE = 0.15
# So many decided leave more than a training needs, with what is kept for judging set aside.
LESSON_SHARE = 0.75


@dataclass(frozen=True)
class Scored:
    """A demo product with what became of its analysis."""

    product_id: str
    text: str
    analysis: Analysis | None

    @property
    def is_flagged(self) -> bool:
        return bool(self.analysis and self.analysis.is_mismatch)

    @property
    def why(self) -> str:
        """Why it is flagged or not, in one clause."""
        row = self.analysis
        if row is not None and row.unreadable:
            return row.why_unreadable
        if row is None or row.similarity is None or row.threshold_used is None:
            return row.error if row and row.error else "it is not analysed yet"
        told = f"its similarity is {row.similarity:.3f}, and below {row.threshold_used:.3f}"
        return f"{told} is flagged".replace("-", "−")


@dataclass(frozen=True)
class Planted(Scored):
    """A mismatch that was planted on purpose."""

    mismatch: str
    true_text: str


@dataclass(frozen=True)
class Budget:
    """What a higher threshold would do: one that flags a given share of the products."""

    threshold: float
    flagged: int
    caught: int


@dataclass(frozen=True)
class DemoReport:
    """What the model made of the demo shop."""

    analysed: int
    failed: int
    flagged: int
    planted: list[Planted]
    true: int  # listings that nothing is wrong with
    false_flags: list[Scored]
    budget: Budget | None  # as many as moderators can look at
    lesson: Budget | None  # as many as a training learns from

    @property
    def missed(self) -> list[Planted]:
        return [planted for planted in self.planted if not planted.is_flagged]

    @property
    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Kind of mismatch -> (caught, planted)."""
        planted = Counter(one.mismatch for one in self.planted)
        missed = Counter(one.mismatch for one in self.missed)
        return {kind: (count - missed[kind], count) for kind, count in sorted(planted.items())}


def waiting() -> int:
    """Demo products whose analysis is still to come."""
    return Analysis.objects.live().filter(product__source=Product.Source.DEMO).count()


def drawn() -> int:
    """How many products are in the queue that were not flagged: the audit drew them."""
    return ReviewItem.objects.open().filter(stratum=ReviewItem.Stratum.AUDIT).count()


def report() -> DemoReport:
    """Count the demo products by verdict, and look up each planted mismatch."""
    products = {
        product.external_id: product
        for product in Product.objects.filter(source=Product.Source.DEMO).select_related(
            "analysis__model_version"
        )
    }
    answers = [product.analysis for product in products.values() if product.analysis]
    planted = [row for row in _planted_rows() if row["product_id"] in products]
    wrong = {row["product_id"] for row in planted}
    true = [_scored(product) for name, product in products.items() if name not in wrong]
    return DemoReport(
        analysed=sum(row.status == Analysis.Status.DONE for row in answers),
        failed=sum(row.status == Analysis.Status.FAILED for row in answers),
        flagged=sum(bool(row.is_mismatch) for row in answers),
        planted=[_planted(row, products[row["product_id"]]) for row in planted],
        true=len(true),
        false_flags=[one for one in true if one.is_flagged],
        budget=_at_budget(products, share=REVIEW_SHARE, wrong=wrong),
        lesson=_at_budget(products, share=LESSON_SHARE, wrong=wrong),
    )


def _at_budget(products: dict[str, Product], *, share: float, wrong: set[str]) -> Budget | None:
    """The threshold that flags this share of the products, and what it would catch."""
    scores = sorted(
        (product.analysis.similarity, external_id)
        for external_id, product in products.items()
        if product.analysis and product.analysis.similarity is not None
    )
    count = round(share * len(scores))
    if not 0 < count < len(scores):
        return None
    return Budget(
        threshold=scores[count][0],
        flagged=count,
        caught=sum(external_id in wrong for _, external_id in scores[:count]),
    )


def _scored(product: Product) -> Scored:
    return Scored(product.external_id, product.text, product.analysis)


def _planted(row: dict[str, str], product: Product) -> Planted:
    return Planted(
        product.external_id,
        product.text,
        product.analysis,
        mismatch=row["mismatch"].replace("_", " "),
        true_text=row["true_text"],
    )


def _planted_rows() -> list[dict[str, str]]:
    with (settings.DEMO_DIR / "planted.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
