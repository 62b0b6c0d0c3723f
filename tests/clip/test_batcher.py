"""Threads share the model: what comes together runs together, and errors stay with their sender."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from moderation.clip.batcher import Batcher
from moderation.clip.errors import BatcherFull


def picture(value: int) -> Image.Image:
    return Image.new("RGB", (2, 2), (value, 0, 0))


class CountingEncoder:
    """Gives back the red value and the length; holds calls while `gate` is closed."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        self.sizes.append(len(images))
        self.entered.release()
        assert self.gate.wait(20)
        values = [image.getpixel((0, 0))[0] for image in images]
        if 13 in values:
            raise ValueError("13 is bad")
        return np.array(values, dtype=np.float32).reshape(-1, 1)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([len(text) for text in texts], dtype=np.float32).reshape(-1, 1)


def waiting(batcher: Batcher, count: int) -> None:
    """Wait until so many callers stand in the queue."""
    with batcher._changed:
        assert batcher._changed.wait_for(lambda: len(batcher._waiting) >= count, timeout=20)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


def test_a_single_caller_gets_its_vectors(encoder: CountingEncoder) -> None:
    vectors = Batcher(encoder).encode([picture(5), picture(6)], ["abc"])
    assert vectors.images.tolist() == [[5], [6]]
    assert vectors.texts.tolist() == [[3]]
    assert Batcher(encoder).encode([], []).images.shape == (0, 1)


def test_what_comes_while_the_model_runs_is_merged(encoder: CountingEncoder) -> None:
    batcher = Batcher(encoder)
    encoder.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(batcher.encode, [picture(1)], ["a"])
        assert encoder.entered.acquire(timeout=20)
        rest = [pool.submit(batcher.encode, [picture(n)], ["x" * n]) for n in range(20, 32)]
        waiting(batcher, 12)
        encoder.gate.set()
        assert first.result(20).images.tolist() == [[1]]
        for n, future in zip(range(20, 32), rest, strict=True):
            vectors = future.result(20)
            assert (vectors.images.tolist(), vectors.texts.tolist()) == ([[n]], [[n]])
    assert encoder.sizes == [1, 12]


def test_a_merged_call_stays_within_its_bound(encoder: CountingEncoder) -> None:
    batcher = Batcher(encoder, max_batch=6)
    encoder.gate.clear()
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(batcher.encode, [picture(1)], [])
        assert encoder.entered.acquire(timeout=20)
        rest = [pool.submit(batcher.encode, [picture(n), picture(n)], []) for n in range(20, 29)]
        rest.append(pool.submit(batcher.encode, [picture(40)] * 9, []))  # one alone may be larger
        waiting(batcher, 10)
        encoder.gate.set()
        for future in [first, *rest]:
            future.result(20)
    assert max(size for size in encoder.sizes if size != 9) == 6
    assert sum(encoder.sizes) == 1 + 18 + 9


def test_an_error_reaches_only_the_caller_whose_item_caused_it(encoder: CountingEncoder) -> None:
    batcher = Batcher(encoder)
    encoder.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.encode, [picture(1)], [])
        assert encoder.entered.acquire(timeout=20)
        values = (11, 12, 13, 14)
        rest = {n: pool.submit(batcher.encode, [picture(n)], []) for n in values}
        waiting(batcher, 4)
        encoder.gate.set()
        first.result(20)
        for n, future in rest.items():
            if n == 13:
                with pytest.raises(ValueError, match="13 is bad"):
                    future.result(20)
            else:
                assert future.result(20).images.tolist() == [[n]]
    assert batcher.encode([picture(7)], []).images.tolist() == [[7]], "and it goes on working"


def test_too_many_waiting_callers_are_turned_away(encoder: CountingEncoder) -> None:
    batcher = Batcher(encoder, max_waiting=3)
    encoder.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(batcher.encode, [picture(1)], [])]
        assert encoder.entered.acquire(timeout=20)
        futures += [pool.submit(batcher.encode, [picture(n)], []) for n in (2, 3, 4)]
        waiting(batcher, 3)
        with pytest.raises(BatcherFull, match="try again"):
            batcher.encode([picture(5)], [])
        encoder.gate.set()
        assert [future.result(20).images[0, 0] for future in futures] == [1, 2, 3, 4]


def test_an_interrupted_leader_does_not_leave_the_others_hanging(encoder: CountingEncoder) -> None:
    class Interrupted(CountingEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
            result = super().encode_images(images)
            if 9 in result:
                raise KeyboardInterrupt
            return result

    slow = Interrupted()
    batcher = Batcher(slow)
    with pytest.raises(KeyboardInterrupt):
        batcher.encode([picture(9)], [])
    assert batcher.encode([picture(3)], []).images.tolist() == [[3]]


def test_many_threads_and_many_rounds_lose_and_mix_up_nothing(encoder: CountingEncoder) -> None:
    batcher = Batcher(encoder, max_batch=8)

    def client(seed: int) -> bool:
        return all(
            batcher.encode([picture((seed * 7 + turn) % 200 + 20)], ["y" * seed]).images[0, 0]
            == (seed * 7 + turn) % 200 + 20
            for turn in range(30)
        )

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(client, range(16)))
    assert sum(encoder.sizes) == 480
