from __future__ import annotations

import os
import signal
from typing import Any

from django.apps import AppConfig


class PoisonConfig(AppConfig):
    name = "tests.support.poison"

    def ready(self) -> None:
        from moderation.services.encoding import embeddings

        original = embeddings.image_vectors

        def image_vectors(engine: Any, photos: Any) -> Any:
            if any(sha == os.environ["POISON_SHA256"] for sha, _ in photos):
                os.kill(os.getpid(), signal.SIGKILL)
            return original(engine, photos)

        embeddings.image_vectors = image_vectors
