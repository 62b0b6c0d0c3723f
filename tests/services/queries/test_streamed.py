"""Whoever stops reading rows leaves nothing open that a later transaction would trip over."""

from __future__ import annotations

import ast
import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction

import moderation
from moderation.models import Product
from moderation.services.datasets.dataset import export
from moderation.services.queries.streamed import streamed
from moderation.services.queue import review
from tests.support.factories import MakeItem, MakeProduct, MakeUser


class Stop(Exception):
    pass


def stopped_in_a_cycle(read: Callable[[], object]) -> None:
    """What the reader raises lives on, and what it was about to read, until that is collected."""
    with pytest.raises(Stop), transaction.atomic():
        try:
            read()
        except Stop as stop:
            stop.args = (stop,)
            raise


def collected_in_the_midst_of_work() -> int:
    with transaction.atomic():
        gc.collect()
        return Product.objects.count()


@pytest.mark.django_db
def test_a_reader_that_raises_leaves_the_next_transaction_alone(make_product: MakeProduct) -> None:
    make_product("A1")
    make_product("A2")

    def read() -> None:
        with streamed(Product.objects.order_by("pk"), at_once=1) as rows:
            assert next(rows).external_id == "A1"
            raise Stop

    stopped_in_a_cycle(read)
    assert collected_in_the_midst_of_work() == 2


@pytest.mark.django_db
def test_an_export_that_is_cut_short_does_too(
    make_item: MakeItem, make_user: MakeUser, tmp_path: Path
) -> None:
    review.decide(make_item("A1"), moderator=make_user("anna"), verdict="dismiss", reason="matches")

    def cannot_be_told(*_: int) -> None:
        raise Stop

    stopped_in_a_cycle(lambda: export(tmp_path / "labels", progress=cannot_be_told))
    assert collected_in_the_midst_of_work() == 1


def test_no_other_module_leaves_rows_to_be_closed_by_chance() -> None:
    root = Path(moderation.__file__).parent
    bare = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "iterator"
    ]

    assert [line.split(":")[0] for line in bare] == ["services/queries/streamed.py"], (
        f"Read rows with services/queries/streamed.py: {bare}"
    )
