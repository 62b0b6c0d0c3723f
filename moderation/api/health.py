"""GET /clip/health: for load balancers and people; open without a token."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.clip.errors import ModelError
from moderation.models import Analysis
from moderation.services.encoding import engine
from moderation.services.registry import versions
from moderation.services.worker import heartbeat

from .view import ApiView


class WorkerAnswer(serializers.Serializer[Any]):
    alive = serializers.BooleanField()
    seconds_since_beat = serializers.FloatField(allow_null=True)


class HealthAnswer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["healthy", "unhealthy"])
    reason = serializers.CharField(allow_blank=True, help_text="Empty, or why it is unhealthy.")
    service = serializers.CharField()
    model = serializers.CharField(allow_null=True, help_text="The model version that is active.")
    model_loaded = serializers.BooleanField(
        help_text="Whether this process has the model in memory; it loads on the first request."
    )
    device = serializers.CharField(help_text="Where the model runs; “auto” until it is loaded.")
    precision = serializers.CharField()
    worker = WorkerAnswer()
    pending = serializers.IntegerField(allow_null=True, help_text="Analyses that wait.")


_EXAMPLE: dict[str, Any] = {
    "status": "healthy",
    "reason": "",
    "service": "clip",
    "model": "bundled",
    "model_loaded": True,
    "device": "cpu",
    "precision": "fp32",
    "worker": {"alive": True, "seconds_since_beat": 3.2},
    "pending": 0,
}


class Health(ApiView):
    """Whether photos can be scored, on the spot and in the background."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []

    @extend_schema(
        operation_id="clip_health",
        summary="Is the service well?",
        tags=["clip"],
        auth=[],
        responses={200: HealthAnswer, 503: HealthAnswer},
        examples=[
            OpenApiExample("Well", value=_EXAMPLE, response_only=True, status_codes=["200"]),
            OpenApiExample(
                "The worker has stopped",
                value=_EXAMPLE
                | {
                    "status": "unhealthy",
                    "reason": "The worker last gave a heartbeat 95 seconds ago; start it.",
                    "worker": {"alive": False, "seconds_since_beat": 95.0},
                    "pending": 12,
                },
                response_only=True,
                status_codes=["503"],
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        answer = _report()
        return Response(answer, status=503 if answer["reason"] else 200)


def _report() -> dict[str, Any]:
    problems: list[str] = []
    model, beat, pending = None, heartbeat.Health(False, None, ""), None
    try:
        beat = heartbeat.health()
        if not beat.alive:
            problems.append(_worker_problem(beat))
        pending = Analysis.objects.pending().count()
        model = versions.current()
    except DatabaseError as error:
        problems = [f"The database does not answer ({type(error).__name__})."]
    except ModelError as error:
        problems.append(str(error))
    loaded = engine.loaded()
    age = beat.seconds_since_heartbeat
    return {
        "status": "unhealthy" if problems else "healthy",
        "reason": " ".join(problems),
        "service": "clip",
        "model": model.name if model else None,
        "model_loaded": bool(loaded and model and loaded.version_id == model.pk),
        "device": loaded.encoder.device if loaded else settings.CLIP_DEVICE,
        "precision": loaded.encoder.precision if loaded else settings.CLIP_PRECISION,
        "worker": {
            "alive": beat.alive,
            "seconds_since_beat": None if age is None else round(age, 1),
        },
        "pending": pending,
    }


def _worker_problem(beat: heartbeat.Health) -> str:
    if beat.seconds_since_heartbeat is None:
        return "No worker has ever run; start one with `python manage.py worker`."
    return (
        f"The worker last gave a heartbeat {beat.seconds_since_heartbeat:.0f} seconds ago; "
        "start it again."
    )
