"""Merge what threads ask of the model at the same moment into one call.

There is no thread of its own: the first caller runs the model at once, those who come meanwhile
wait, and one of them then runs it for all that wait (leader and followers). So an idle model costs
nobody any waiting, and nothing has to be shut down.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from PIL import Image

from moderation.clip.errors import BatcherFull


class Encodes(Protocol):
    """The part of `Encoder` that is needed here."""

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray: ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class Vectors:
    """Unit vectors, float32: `images` [n, d] and `texts` [m, d], in the order given."""

    images: np.ndarray
    texts: np.ndarray


@dataclass(eq=False)
class _Job:
    images: Sequence[Image.Image]
    texts: Sequence[str]
    vectors: Vectors | None = None
    error: BaseException | None = field(default=None)

    @property
    def size(self) -> int:
        return len(self.images) + len(self.texts)

    @property
    def done(self) -> bool:
        return self.vectors is not None or self.error is not None


class Batcher:
    """Share one encoder between threads.

    `max_batch` bounds the items (images and texts) of a merged call, `max_waiting` the callers
    that may wait. After a merged call the next one waits up to `gather_seconds` for the callers
    that were just served, because they tend to come again at once.
    """

    def __init__(
        self,
        encoder: Encodes,
        *,
        max_batch: int = 64,
        max_waiting: int = 256,
        gather_seconds: float = 0.002,
    ) -> None:
        self._encoder = encoder
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._gather_seconds = gather_seconds
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._running = False
        self._served = 1  # callers that the last call served

    def encode(self, images: Sequence[Image.Image], texts: Sequence[str]) -> Vectors:
        """Encode RGB pictures and texts together with what other threads request.

        Raises `BatcherFull` where too many wait already, and what the encoder raises for these
        very items; what others sent never fails this call.
        """
        job = _Job(images, texts)
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise BatcherFull(
                    f"The model is busy with {len(self._waiting)} requests; try again in a moment."
                )
            self._waiting.append(job)
            self._changed.notify_all()
        while (jobs := self._next(job)) is not None:
            try:
                self._run(jobs)
            finally:
                self._finish(jobs)
        if job.error is not None:
            raise job.error
        assert job.vectors is not None
        return job.vectors

    def _next(self, job: _Job) -> list[_Job] | None:
        """The jobs this thread must run now, or None once its own job is done."""
        with self._changed:
            self._changed.wait_for(lambda: job.done or not self._running)
            if job.done:
                return None
            self._running = True
            if self._served > 1:
                self._changed.wait_for(
                    lambda: len(self._waiting) >= self._served, timeout=self._gather_seconds
                )
            jobs = [self._waiting.popleft()]
            size = jobs[0].size
            while self._waiting and size + self._waiting[0].size <= self._max_batch:
                jobs.append(self._waiting.popleft())
                size += jobs[-1].size
            return jobs

    def _run(self, jobs: list[_Job]) -> None:
        try:
            self._encode(jobs)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who sent it
            if len(jobs) == 1:
                jobs[0].error = error
                return
            for job in jobs:
                self._run([job])

    def _encode(self, jobs: list[_Job]) -> None:
        images = self._encoder.encode_images([image for job in jobs for image in job.images])
        texts = self._encoder.encode_texts([text for job in jobs for text in job.texts])
        image_at = text_at = 0
        for job in jobs:
            image_end, text_end = image_at + len(job.images), text_at + len(job.texts)
            job.vectors = Vectors(images[image_at:image_end], texts[text_at:text_end])
            image_at, text_at = image_end, text_end

    def _finish(self, jobs: list[_Job]) -> None:
        with self._changed:
            for job in jobs:
                if not job.done:  # this thread was interrupted in the middle
                    job.error = RuntimeError("The model call was interrupted; try again.")
            self._running = False
            self._served = len(jobs)
            self._changed.notify_all()
