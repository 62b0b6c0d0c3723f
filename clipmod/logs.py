"""What a line of the log looks like, and which request or task it belongs to.

Lines go to standard error, where systemd or a container's runtime takes them.
"""

from __future__ import annotations

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

FORMATS = ("plain", "json")

# What this thread is at. A thread of the web server keeps its request until the answer is sent.
request_id: ContextVar[str] = ContextVar("request_id", default="")
task_id: ContextVar[str] = ContextVar("task_id", default="")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def config(form: str, *, level: str) -> dict[str, Any]:
    """LOGGING: clipmod's own lines from `level` on, those of packages from warnings on."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"()": f"{__name__}.Plain"}, "json": {"()": f"{__name__}.Json"}},
        "filters": {"refused": {"()": f"{__name__}.Refused"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["refused"],
            }
        },
        "root": {
            "handlers": ["console"],
            "level": level if level == "ERROR" else "WARNING",
        },
        "loggers": {
            "clipmod": {"level": level},
            "moderation": {"level": level},
            # Without Django's own handlers: all goes to the root. Of requests only what is our
            # fault; a mistyped address is in the access log.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR"},
            "django-q": {"level": "WARNING"},
            # What a process of gunicorn says once Django runs in it.
            "gunicorn.error": {"handlers": ["console"], "propagate": False},
        },
    }


class Refused(logging.Filter):
    """What a stranger asked for in vain is a warning of one line.

    Django reports it as its own error, with a traceback that anybody could fill the disk with.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security"):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


class Plain(logging.Formatter):
    """A line for people, such as `… ERROR django.request [request 5f0c…]: Internal Server Error`.

    What a stranger sent may stand in it, so it stays one line; a traceback follows as it is.
    """

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}{origin}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        shown = [f"{name} {value}" for name, value in _origin().items()]
        record.origin = f" [{', '.join(shown)}]" if shown else ""
        record.message = _CONTROL.sub(_escaped, record.message)
        return super().formatMessage(record)


class Json(logging.Formatter):
    """One JSON object a line, with the traceback in it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **{f"{name}_id": value for name, value in _origin().items()},
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        # In ASCII, so that it is valid whatever encoding the stream has.
        return json.dumps(line, default=str)


def _origin() -> dict[str, str]:
    present = {"request": request_id.get(), "task": task_id.get()}
    return {name: value for name, value in present.items() if value}


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
