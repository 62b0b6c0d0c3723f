"""Products and analyses as the API shows them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from moderation.models import Analysis, FurtherPhoto, Product, ProductPhoto, SecondVerdict
from moderation.services.queue import second_verdicts
from moderation.services.rules import photos as storage

from .answers import VERDICT_EXAMPLE, HiddenSigns, MatchAnswer, PartAnswer, rounded


class FurtherPhotoAnswer(serializers.Serializer[FurtherPhoto]):
    """A photo after the main one. It is judged where the model has a threshold for such photos."""

    number = serializers.IntegerField(help_text="Its place; the main photo is 1.")
    image = serializers.SerializerMethodField()
    similarity_score = serializers.SerializerMethodField()
    fits = serializers.BooleanField(
        allow_null=True, help_text="False where it does not fit the text; null: not judged."
    )

    @extend_schema_field(serializers.URLField())
    def get_image(self, photo: FurtherPhoto) -> str:
        """The whole address of the photo."""
        return absolute(self, photo.image_url)

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_similarity_score(self, photo: FurtherPhoto) -> float | None:
        return rounded(photo.similarity)


class SecondVerdictAnswer(serializers.ModelSerializer[SecondVerdict]):
    """What the second judge says, by its own threshold: its similarities are of another scale."""

    model_version = serializers.CharField(source="model_version.name")
    readable = serializers.SerializerMethodField()
    similarity_score = serializers.SerializerMethodField()
    p_mismatch = serializers.SerializerMethodField()

    class Meta:
        model = SecondVerdict
        fields = [
            *("model_version", "is_mismatch", "readable"),
            *("similarity_score", "threshold_used", "p_mismatch"),
        ]
        read_only_fields = fields

    def get_readable(self, row: SecondVerdict) -> bool:
        """Whether it reads the language of the text; if not, it says nothing."""
        return not row.unreadable

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_similarity_score(self, row: SecondVerdict) -> float | None:
        return rounded(row.similarity)

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_p_mismatch(self, row: SecondVerdict) -> float | None:
        return rounded(row.p_mismatch)


class AnalysisAnswer(serializers.ModelSerializer[Analysis]):
    """One question to the model; the verdict's fields are null until `status` is `done`."""

    is_mismatch = serializers.SerializerMethodField()
    readable = serializers.SerializerMethodField()
    unreadable_reason = serializers.CharField(
        source="why_unreadable",
        help_text="In which language, or letters, the text seems to be; or empty.",
    )
    similarity_score = serializers.SerializerMethodField()
    p_mismatch = serializers.SerializerMethodField()
    confidence = serializers.SerializerMethodField()
    match_quality = serializers.SerializerMethodField()
    top_matches = MatchAnswer(source="top_categories", many=True)
    model_version = serializers.CharField(source="model_version.name")
    text_hidden_signs = HiddenSigns(source="text")
    text_read = serializers.CharField(
        allow_null=True,
        help_text="What the model read, or will read, of the text; null for analyses of a former "
        "version of the text preparation.",
    )
    parts = serializers.SerializerMethodField()
    photos = serializers.SerializerMethodField()
    second_verdict = serializers.SerializerMethodField()
    error = serializers.CharField(help_text="Why it failed, or why it is tried again; or empty.")

    class Meta:
        model = Analysis
        fields = [
            "id",
            "status",
            "is_mismatch",
            "readable",
            "unreadable_reason",
            "similarity_score",
            "threshold_used",
            "confidence",
            "match_quality",
            "p_mismatch",
            "top_matches",
            "model_version",
            "text",
            "text_hidden_signs",
            "text_read",
            "parts",
            "photos",
            "second_verdict",
            "error",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.BooleanField(allow_null=True))
    def get_is_mismatch(self, row: Analysis) -> bool | None:
        """False also where `readable` is."""
        return row.is_mismatch if row.status != Analysis.Status.DONE else bool(row.is_mismatch)

    @extend_schema_field(serializers.BooleanField(allow_null=True))
    def get_readable(self, row: Analysis) -> bool | None:
        """Whether the model reads the language of the text; if not, there is no score."""
        return not row.unreadable if row.status == Analysis.Status.DONE else None

    def get_similarity_score(self, row: Analysis) -> float | None:
        return rounded(row.similarity)

    def get_p_mismatch(self, row: Analysis) -> float | None:
        return rounded(row.p_mismatch)

    @extend_schema_field(PartAnswer(many=True, allow_null=True))
    def get_parts(self, row: Analysis) -> list[dict[str, Any]] | None:
        """The parts of a text longer than the model reads; null where that is not known."""
        if row.parts is None:
            return None
        names = ("text", "similarity_score", "fits")
        return [dict(zip(names, part, strict=True)) for part in row.parts]

    @extend_schema_field(FurtherPhotoAnswer(many=True))
    def get_photos(self, row: Analysis) -> Any:
        """The photos after the main one, as they were then; empty where there were none."""
        found = [FurtherPhotoAnswer(one, context=self.context) for one in row.further_photos]
        return [one.data for one in found]

    @extend_schema_field(SecondVerdictAnswer(allow_null=True))
    def get_second_verdict(self, row: Analysis) -> Any:
        """What a second model says where the similarity is near the threshold; else null."""
        verdict = second_verdicts.shown(row)
        return None if verdict is None else SecondVerdictAnswer(verdict).data

    @extend_schema_field(serializers.ChoiceField(["high", "medium", "low"], allow_null=True))
    def get_confidence(self, row: Analysis) -> str | None:
        return row.verdict.confidence if row.verdict else None

    @extend_schema_field(
        serializers.ChoiceField(["excellent", "good", "fair", "poor", "mismatch"], allow_null=True)
    )
    def get_match_quality(self, row: Analysis) -> str | None:
        return row.verdict.match_quality if row.verdict else None


class PhotoAnswer(serializers.ModelSerializer[ProductPhoto]):
    """One of the photos of a product, the main one first."""

    address = serializers.CharField(source="url", help_text="Empty where it came as a file.")
    problem = serializers.CharField(
        help_text="Why it is not here, such as `not_found` or `timeout`, or empty."
    )
    image = serializers.SerializerMethodField()

    class Meta:
        model = ProductPhoto
        fields = ["address", "state", "problem", "error", "image"]
        read_only_fields = fields

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_image(self, photo: ProductPhoto) -> str | None:
        """The whole address of what was fetched; null until then."""
        return absolute(self, storage.url(photo.image)) if photo.image else None


class ProductAnswer(serializers.ModelSerializer[Product]):
    """A product with its current analysis: the newest finished one of the present content."""

    product_id = serializers.CharField(source="external_id")
    text_hidden_signs = HiddenSigns(source="text")
    image = serializers.SerializerMethodField()
    photos = PhotoAnswer(
        many=True,
        help_text="Where they are known by address, or are several; empty for one that came as a "
        "file.",
    )
    category = serializers.CharField(source="category.name", default="", read_only=True)
    status = serializers.ChoiceField(
        Analysis.Status.choices,
        source="newest_status",
        allow_null=True,
        help_text="Of the newest analysis; null where none was asked for.",
    )
    analysis = serializers.SerializerMethodField(
        help_text="Null until the present photo and text are analysed, and while you may be asked "
        "to judge the product blind.",
    )

    class Meta:
        model = Product
        fields = [
            "product_id",
            "text",
            "text_hidden_signs",
            "image",
            "photos",
            "category",
            "seller",
            "source",
            "status",
            "analysis",
            "withdrawn_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    @extend_schema_field(AnalysisAnswer(allow_null=True))
    def get_analysis(self, product: Product) -> Any:
        # Of a product that was not asked for by `products.shown_products` nobody knows it.
        current = None if getattr(product, "is_kept_back", True) else product.present_analysis
        return None if current is None else AnalysisAnswer(current, context=self.context).data

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_image(self, product: Product) -> str | None:
        """The whole address of the photo; null while it is still to be fetched."""
        return absolute(self, product.image_url) if product.image_url else None


def absolute(answer: serializers.BaseSerializer[Any], address: str) -> str:
    """An address with the host that was asked; one in an object store has its own."""
    request: Request = answer.context["request"]
    return request.build_absolute_uri(address)


ANALYSIS_EXAMPLE: dict[str, Any] = {
    "id": 17,
    "status": "done",
    **VERDICT_EXAMPLE,
    "photos": [],
    "second_verdict": None,
    "top_matches": [{"category": "Mugs", "score": 0.8731}],
    "text": "Red cotton T-shirt with a round neck",
    "text_hidden_signs": [],
    "error": "",
    "created_at": "2026-01-31T12:00:00Z",
    "finished_at": "2026-01-31T12:00:03Z",
}
PRODUCT_EXAMPLE: dict[str, Any] = {
    "product_id": "SKU-1001",
    "text": "Red cotton T-shirt with a round neck",
    "text_hidden_signs": [],
    "image": "https://moderation.example.org/media/products/5f/5f0c.jpg",
    "photos": [],
    "category": "T-shirts",
    "seller": "anna",
    "source": "api",
    "status": "done",
    "analysis": ANALYSIS_EXAMPLE,
    "withdrawn_at": None,
    "created_at": "2026-01-31T12:00:00Z",
    "updated_at": "2026-01-31T12:00:00Z",
}
