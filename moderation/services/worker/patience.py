"""Outliving a database that goes away: it comes back, and nobody needs to be started again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connection

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)

GONE = (OperationalError, InterfaceError)
ASK_EVERY = 1.0  # seconds


@dataclass
class Patience:
    """Waits for the database; the log gets a line when it goes, and one when it comes back."""

    is_silent: bool = False

    def ask(self, question: Callable[[], Answer]) -> Answer | None:
        """What the question gives; None where the database does not answer (`is_silent` tells)."""
        try:
            if connection.get_autocommit():  # not inside a transaction, which it would end
                close_old_connections()
            answer = question()
        except GONE as error:
            if not self.is_silent:
                logger.warning("The database does not answer, waiting for it: %s", in_a_line(error))
            self.is_silent = True
            return None
        if self.is_silent:
            logger.warning("The database answers again")
        self.is_silent = False
        return answer

    def insist(self, question: Callable[[], Answer]) -> None:
        """Ask until the database answers."""
        self.ask(question)
        while self.is_silent:
            time.sleep(ASK_EVERY)
            self.ask(question)


def in_a_line(error: BaseException) -> str:
    """What a driver says in several lines."""
    return " ".join(str(error).split())
