"""A training under `torchrun`: the first process has the database and tells the others what to do.

They meet in the key-value store that torchrun itself keeps (MASTER_ADDR, MASTER_PORT).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moderation.clip.finetune.data import FinetuneData
    from moderation.clip.finetune.settings import FinetuneSettings

_KEY = "clipmod/plan"
# The others wait while the first one collects the decisions of a large shop.
_PATIENCE = timedelta(hours=2)


def alone() -> bool:
    """Whether this process trains by itself."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1


def is_follower() -> bool:
    """Whether this is one of several processes, and not the first."""
    return int(os.environ.get("RANK", "0")) > 0


def tell(data: dict[str, Any], *, base: Path, output: Path, settings: FinetuneSettings) -> None:
    """Send the others what is trained; without others nothing happens.

    `data` says where the data is, as `training_work.read_data` understands it.
    """
    if alone():
        return
    plan = {
        "data": data,
        "base": str(base),
        "output": str(output),
        "resume": output.is_dir(),
        "settings": asdict(settings),
    }
    _store().set(_KEY, json.dumps(plan))


def follow(read_data: Callable[[dict[str, Any]], FinetuneData]) -> None:
    """Train along with the first process: the same data, each with its share of every batch."""
    from moderation.clip.finetune.run import finetune
    from moderation.clip.finetune.settings import FinetuneSettings

    plan = json.loads(_store().get(_KEY))
    finetune(
        Path(plan["base"]),
        read_data(plan["data"]),
        Path(plan["output"]),
        settings=FinetuneSettings(**plan["settings"]),
        resume=plan["resume"],
    )


def _store() -> Any:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=False,
        timeout=_PATIENCE,
    )
