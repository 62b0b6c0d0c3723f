"""POST /clip/analyze-batch: many pairs at once, in one of three forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.clip.errors import ImageError
from moderation.models import Product, Scope
from moderation.services.queue import blind
from moderation.services.scoring import scoring_requests
from moderation.services.scoring.scoring_requests import Answer, Pair

from .answers import UPLOAD, responses, verdict
from .batch_forms import EXAMPLES, BatchAnswer, BatchForm, BatchItems, BatchProducts
from .errors import invalid
from .fields import form_with_photo, size_problem, text_problem
from .parsers import JsonParser
from .permissions import ProductRights, check_scope
from .view import ApiView, checked

# An index in the request, with what is answered for it: a verdict, or why there is none.
Outcome = tuple[int, Answer | str]


class AnalyzeBatch(ApiView):
    """Up to `MAX_BATCH_ITEMS` pairs; one that cannot be judged does not spoil the rest."""

    parser_classes = [MultiPartParser, JsonParser]
    photos_per_request = 10  # of the largest size; smaller ones up to MAX_BATCH_ITEMS

    @extend_schema(
        operation_id="clip_analyze_batch",
        summary="Do these photos match their texts?",
        description=(
            "Three forms: uploaded `files` with `texts`, JSON with `product_ids`, or JSON with "
            f"`items`; at most {settings.MAX_BATCH_ITEMS} at once. What is wrong with one pair "
            "(a missing or damaged photo, an empty or too long text, an unknown product, one that "
            "you are to judge blind) is answered in `errors`; an `image_path` that leads out of "
            "the image folder refuses the whole request. `product_ids` takes the right to see "
            "products, and of a token the scope `read` as well."
        ),
        tags=["clip"],
        request={
            **form_with_photo(BatchForm, "files", texts={"style": "form", "explode": True}),
            "application/json": PolymorphicProxySerializer(
                component_name="Batch",
                serializers=[BatchItems, BatchProducts],
                resource_type_field_name=None,
            ),
        },
        responses=responses({200: BatchAnswer}, *UPLOAD),
        examples=EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        data = request.data
        if request.content_type.startswith("multipart/"):
            return _answered(_uploads(data))
        if not isinstance(data, dict) or ("items" in data) == ("product_ids" in data):
            raise ValidationError(
                "The body must be a JSON object with either `items` or `product_ids`; send one."
            )
        return _answered(_items(data)) if "items" in data else _products(request, data)


def _uploads(data: Any) -> list[Outcome]:
    for field in ("files", "texts"):
        _check_count(field, data.getlist(field))
    found = checked(BatchForm, data)
    pairs = [
        (Pair(file.file, text, found["threshold"]), text_problem(text) or size_problem(file))
        for file, text in zip(found["files"], found["texts"], strict=True)
    ]
    return _judged(pairs)


def _items(data: dict[str, Any]) -> list[Outcome]:
    _check_count("items", data["items"])
    return _judged(
        [
            (Pair(item["image_path"], item["text"], item["threshold"]), text_problem(item["text"]))
            for item in checked(BatchItems, data)["items"]
        ]
    )


def _judged(pairs: Sequence[tuple[Pair, str]]) -> list[Outcome]:
    """Outcome of each pair, given with the problem that it already has, or ""."""
    sound = [index for index, (_, problem) in enumerate(pairs) if not problem]
    answers = scoring_requests.analyze_batch([pairs[index][0] for index in sound])
    outcomes: dict[int, Answer | str] = {i: problem for i, (_, problem) in enumerate(pairs)}
    for index, answer in zip(sound, answers, strict=True):
        outcomes[index] = str(answer) if isinstance(answer, ImageError) else answer
    return sorted(outcomes.items(), key=lambda outcome: outcome[0])


def _products(request: Request, data: dict[str, Any]) -> Response:
    """What is known of products is told to whoever may see them."""
    check_scope(request, Scope.READ)
    if not ProductRights.may_read(request):
        raise PermissionDenied(ProductRights.message)
    _check_count("product_ids", data["product_ids"])
    ids = checked(BatchProducts, data)["product_ids"]
    keys = dict(Product.objects.filter(external_id__in=ids).values_list("external_id", "pk"))
    kept_back = blind.products_kept_back(list(keys.values()), user=request.user)
    outcomes: list[Outcome] = []
    for index, answer in enumerate(scoring_requests.analyze_products(ids)):
        if keys.get(ids[index]) in kept_back:
            outcomes.append((index, blind.sentence(ids[index])))
        elif answer is None:
            outcomes.append((index, f"There is no product {ids[index]!r}; create it first."))
        else:
            outcomes.append((index, str(answer) if isinstance(answer, ImageError) else answer))
    return _answered(outcomes, product_ids=ids)


def _check_count(field: str, value: Any) -> None:
    """Refuse too many by number alone, before any of them is looked at."""
    if isinstance(value, list) and len(value) > settings.MAX_BATCH_ITEMS:
        raise invalid(
            field,
            f"{field} has {len(value)} entries; at most {settings.MAX_BATCH_ITEMS} are accepted, "
            "send them in several requests.",
        )


def _answered(outcomes: Sequence[Outcome], *, product_ids: Sequence[str] = ()) -> Response:
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for index, outcome in outcomes:
        if isinstance(outcome, str):
            errors.append({"index": index, "error": outcome})
            continue
        named = {"product_id": product_ids[index]} if product_ids else {}
        results.append({"index": index, **named, **verdict(outcome)})
    return Response({"results": results, "errors": errors})
