"""Products and analyses as the API shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from moderation.models import Analysis, Product

from .answers import VERDICT_EXAMPLE, MatchAnswer, rounded


class AnalysisAnswer(serializers.ModelSerializer[Analysis]):
    """One question to the model; the verdict's fields are null until `status` is `done`."""

    similarity_score = serializers.SerializerMethodField()
    p_mismatch = serializers.SerializerMethodField()
    confidence = serializers.SerializerMethodField()
    match_quality = serializers.SerializerMethodField()
    top_matches = MatchAnswer(source="top_categories", many=True)
    model_version = serializers.CharField(source="model_version.name")
    error = serializers.CharField(help_text="Why it failed, or why it is tried again; or empty.")

    class Meta:
        model = Analysis
        fields = [
            "id",
            "status",
            "is_mismatch",
            "similarity_score",
            "threshold_used",
            "confidence",
            "match_quality",
            "p_mismatch",
            "top_matches",
            "model_version",
            "text",
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    def get_similarity_score(self, row: Analysis) -> float | None:
        return rounded(row.similarity)

    def get_p_mismatch(self, row: Analysis) -> float | None:
        return rounded(row.p_mismatch)

    @extend_schema_field(serializers.ChoiceField(["high", "medium", "low"], allow_null=True))
    def get_confidence(self, row: Analysis) -> str | None:
        return row.verdict.confidence if row.verdict else None

    @extend_schema_field(
        serializers.ChoiceField(["excellent", "good", "fair", "poor", "mismatch"], allow_null=True)
    )
    def get_match_quality(self, row: Analysis) -> str | None:
        return row.verdict.match_quality if row.verdict else None


class ProductAnswer(serializers.ModelSerializer[Product]):
    """A product with its current analysis: the newest finished one of the present content."""

    product_id = serializers.CharField(source="external_id")
    image = serializers.SerializerMethodField()
    category = serializers.CharField(source="category.name", default="", read_only=True)
    status = serializers.ChoiceField(
        Analysis.Status.choices,
        source="newest_status",
        allow_null=True,
        help_text="Of the newest analysis; null where none was asked for.",
    )
    analysis = AnalysisAnswer(
        source="present_analysis",
        allow_null=True,
        help_text="Null until the present photo and text are analysed.",
    )

    class Meta:
        model = Product
        fields = [
            "product_id",
            "text",
            "image",
            "category",
            "seller",
            "source",
            "status",
            "analysis",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_image(self, product: Product) -> str:
        """The address of the photo."""
        return product.image.url


ANALYSIS_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "status": "done",
    **VERDICT_EXAMPLE,
    "top_matches": [{"category": "Mugs", "score": 0.8731}],
    "text": "Red cotton T-shirt with a round neck",
    "error": "",
    "created_at": "2026-01-31T12:00:00Z",
    "finished_at": "2026-01-31T12:00:03Z",
}
PRODUCT_EXAMPLE: dict[str, Any] = {
    "product_id": "SKU-1001",
    "text": "Red cotton T-shirt with a round neck",
    "image": "/media/products/5f/5f0c.jpg",
    "category": "T-shirts",
    "seller": "anna",
    "source": "api",
    "status": "done",
    "analysis": ANALYSIS_EXAMPLE,
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}
