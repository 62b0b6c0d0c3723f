"""Review items and decisions as the API shows them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from moderation.models import Decision, ReviewItem
from moderation.services.queue import blind

from .answers import HiddenSigns
from .product_answers import ANALYSIS_EXAMPLE, AnalysisAnswer, absolute


class DecisionAnswer(serializers.ModelSerializer[Decision]):
    """What one person decided. It never changes; a later one may correct it."""

    review_id = serializers.IntegerField(source="item_id")
    product_id = serializers.CharField(source="item.product.external_id")
    reason = serializers.ChoiceField(Decision.Reason.choices, allow_blank=True)
    wrong_side = serializers.ChoiceField(Decision.Side.choices, allow_blank=True)
    photo = serializers.IntegerField(
        source="photo_number", help_text="Which photo it speaks of; the main one is 1."
    )
    corrects = serializers.IntegerField(
        source="corrects_id",
        allow_null=True,
        help_text="The decision in whose place this one stands, or which it undoes.",
    )
    moderator_id = serializers.IntegerField()
    decided_at = serializers.DateTimeField(source="created_at")
    image_sha256 = serializers.CharField(source="analysis.image_sha256")
    content_hash = serializers.CharField(
        source="analysis.content_hash",
        help_text="SHA-256 of `image_sha256`, a line feed and the text: what was judged. Of a "
        "listing with several photos the others are in it, too.",
    )

    class Meta:
        model = Decision
        fields = [
            *("id", "review_id", "product_id", "verdict", "reason", "wrong_side", "photo", "note"),
            *("mode", "corrects", "moderator_id", "decided_at", "image_sha256", "content_hash"),
        ]
        read_only_fields = fields


class ReviewAnswer(serializers.ModelSerializer[ReviewItem]):
    """A product that waits for a person's eyes, or did.

    Of what is judged blind, nothing that the model or somebody before said is shown until then;
    nor, to who may be asked, of what somebody is asked a second opinion about.
    """

    product_id = serializers.CharField(source="product.external_id")
    text = serializers.CharField(source="analysis.text")
    text_hidden_signs = HiddenSigns(source="analysis.text")
    image = serializers.SerializerMethodField()
    photos = serializers.SerializerMethodField()
    category = serializers.CharField(source="product.category.name", default="", read_only=True)
    seller = serializers.CharField(source="product.seller")
    is_blind = serializers.BooleanField(help_text="Judged by photo and text alone.")
    analysis = serializers.SerializerMethodField()
    claimed_by = serializers.SerializerMethodField()
    is_escalated = serializers.SerializerMethodField()
    escalation_note = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()

    class Meta:
        model = ReviewItem
        fields = [
            *("id", "state", "product_id", "text", "text_hidden_signs", "image", "photos"),
            *(
                "category",
                "seller",
                "is_blind",
                "analysis",
                "claimed_by",
                "is_escalated",
                "escalation_note",
            ),
            *("decision", "opened_at"),
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.URLField())
    def get_image(self, item: ReviewItem) -> str:
        """The whole address of the photo."""
        return absolute(self, item.analysis.image_url)

    @extend_schema_field(serializers.ListField(child=serializers.URLField()))
    def get_photos(self, item: ReviewItem) -> list[str]:
        """Where there are several: the whole addresses of all, the main one first."""
        further = item.analysis.further_photos
        addresses = [item.analysis.image_url, *(one.image_url for one in further)]
        return [absolute(self, address) for address in addresses] if further else []

    @extend_schema_field(AnalysisAnswer(allow_null=True))
    def get_analysis(self, item: ReviewItem) -> Any:
        kept_back = blind.is_model_kept_back(item, user=self._user())
        return None if kept_back else AnalysisAnswer(item.analysis, context=self.context).data

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_claimed_by(self, item: ReviewItem) -> str | None:
        """Who has it in hand now; others cannot decide it meanwhile."""
        if item.claimed_by is None or item.claimed_until is None:
            return None
        return item.claimed_by.get_username() if item.claimed_until > timezone.now() else None

    def get_is_escalated(self, item: ReviewItem) -> bool:
        """Whether a lead decides it."""
        return item.escalated_at is not None

    def get_escalation_note(self, item: ReviewItem) -> str:
        """What was asked of the lead; while it is judged blind, for leads, if written blind."""
        return "" if blind.is_note_kept_back(item, user=self._user()) else item.escalation_note

    @extend_schema_field(DecisionAnswer(allow_null=True))
    def get_decision(self, item: ReviewItem) -> Any:
        """The standing decision; null while it is open, or a second opinion is asked of others."""
        if item.state == ReviewItem.State.OPEN or self._is_kept_back(item):
            return None
        standing = item.decisions.standing().select_related("item__product", "analysis").first()
        return standing and DecisionAnswer(standing).data

    def _is_kept_back(self, item: ReviewItem) -> bool:
        return blind.is_kept_back(item, user=self._user())

    def _user(self) -> User | AnonymousUser:
        request = self.context.get("request")
        return request.user if request else AnonymousUser()


DECISION_EXAMPLE: dict[str, Any] = {
    "id": 51,
    "review_id": 9,
    "product_id": "SKU-1001",
    "verdict": "confirm",
    "reason": "other_product",
    "wrong_side": "image",
    "photo": 1,
    "note": "",
    "mode": "api",
    "corrects": None,
    "moderator_id": 3,
    "decided_at": "2026-01-31T12:05:00Z",
    "image_sha256": "5f0c" * 16,
    "content_hash": "a91e" * 16,
}
REVIEW_EXAMPLE: dict[str, Any] = {
    "id": 9,
    "state": "open",
    "product_id": "SKU-1001",
    "text": "Red cotton T-shirt with a round neck",
    "text_hidden_signs": [],
    "image": "https://moderation.example.org/media/products/5f/5f0c.jpg",
    "photos": [],
    "category": "T-shirts",
    "seller": "anna",
    "is_blind": False,
    "analysis": ANALYSIS_EXAMPLE,
    "claimed_by": None,
    "is_escalated": False,
    "escalation_note": "",
    "decision": None,
    "opened_at": "2026-01-31T12:00:03Z",
}
