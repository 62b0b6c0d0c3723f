"""What can go wrong in the CLIP package. Each message is a sentence meant for people."""

from functools import partial
from typing import Literal

ImageErrorCode = Literal[
    "missing",
    "unreadable",
    "empty",
    "not_an_image",
    "unsupported_type",
    "truncated",
    "too_many_pixels",
    "too_large",
    "too_much_work",
]


class ClipError(Exception):
    """Base of all errors of this package; `str(error)` can be shown to a user."""


class ImageError(ClipError):
    """One image cannot be used. `code` is stable and fit for a program, `str()` for people."""

    def __init__(self, message: str, *, code: ImageErrorCode) -> None:
        super().__init__(message)
        self.code: ImageErrorCode = code

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders by pickle, which would drop the keyword argument.
        return partial(type(self), code=self.code), (str(self),)


class Unread(ImageError):
    """Disk or network did not give the bytes of an image, which says nothing of the image."""

    def __init__(self, message: str, *, code: ImageErrorCode = "unreadable") -> None:
        super().__init__(message, code=code)


class ModelError(ClipError):
    """A model folder or checkpoint cannot be used."""


class ModelUnavailable(ModelError):
    """The hub cannot be reached and nothing is cached."""


class LicenceNotAccepted(ModelError):
    """The model's licence keeps some shops out, and nobody said that it was read."""


class UnsafeWeights(ModelError):
    """The weights are a pickle, which can run code when read."""


class BatcherFull(ClipError):
    """More requests wait for the model than the queue may hold."""
