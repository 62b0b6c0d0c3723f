"""GET /clip/health: for load balancers and people; open without a token."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.clip.errors import ModelError
from moderation.services.encoding import engine
from moderation.services.registry import versions
from moderation.services.scoring import claims, second_judge
from moderation.services.worker import heartbeat, pause

from .view import ApiView


class WorkerAnswer(serializers.Serializer[Any]):
    alive = serializers.BooleanField()
    seconds_since_beat = serializers.FloatField(allow_null=True)


class SecondJudgeAnswer(serializers.Serializer[Any]):
    model = serializers.CharField(help_text="The version that CLIP_SECOND_JUDGE names.")
    problem = serializers.CharField(
        allow_blank=True, help_text="Why it does not answer, or empty; `status` stays as it is."
    )
    waiting = serializers.IntegerField(help_text="Products that it is still to be asked of.")


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
    backend = serializers.CharField(
        help_text="Who computes: torch, onnx or openvino; what is set until it is loaded."
    )
    worker = WorkerAnswer()
    pending = serializers.IntegerField(allow_null=True, help_text="Analyses that wait.")
    running = serializers.IntegerField(allow_null=True, help_text="Analyses that workers hold.")
    stranded = serializers.IntegerField(
        allow_null=True,
        help_text="Of those, how many a worker holds that has gone silent; the others take them "
        "back within a minute.",
    )
    second_judge = SecondJudgeAnswer(allow_null=True, help_text="Null where none is named.")
    paused_since = serializers.DateTimeField(
        allow_null=True,
        help_text="Since when no new analyses are handed out; *Workers* in the admin says by whom.",
    )


_EXAMPLE: dict[str, Any] = {
    "status": "healthy",
    "reason": "",
    "service": "clip",
    "model": "bundled",
    "model_loaded": True,
    "device": "cpu",
    "precision": "fp32",
    "backend": "torch",
    "worker": {"alive": True, "seconds_since_beat": 3.2},
    "pending": 0,
    "running": 16,
    "stranded": 0,
    "second_judge": None,
    "paused_since": None,
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
                    "running": 16,
                    "stranded": 16,
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
    model, beat, paused = None, heartbeat.Health(False, None, ""), None
    second: second_judge.State | None = None
    counts: dict[str, int | None] = dict.fromkeys(("pending", "running", "stranded"))
    try:
        beat = heartbeat.health()
        if not beat.alive:
            problems.append(_worker_problem(beat))
        if away := claims.waits_for_photos():
            problems.append(away)
        counts |= asdict(claims.backlog())
        paused = pause.present()
        second = second_judge.state()
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
        "backend": loaded.encoder.backend if loaded else settings.CLIP_BACKEND,
        "worker": {
            "alive": beat.alive,
            "seconds_since_beat": None if age is None else round(age, 1),
        },
        **counts,
        "second_judge": second
        and {"model": second.name, "problem": second.problem, "waiting": second.waiting},
        "paused_since": paused.created_at if paused else None,
    }


def _worker_problem(beat: heartbeat.Health) -> str:
    if beat.seconds_since_heartbeat is None:
        return "No worker has ever run; start one with `python manage.py worker`."
    return (
        f"The worker last gave a heartbeat {beat.seconds_since_heartbeat:.0f} seconds ago; "
        "start it again."
    )
