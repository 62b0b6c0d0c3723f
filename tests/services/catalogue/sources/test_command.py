"""`manage.py source`: sources without the admin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from moderation.models import CatalogueSource, Product, SourceRun
from moderation.services.catalogue.sources import due, run
from moderation.services.worker import pause

from .conftest import HEADER, tsv

pytestmark = pytest.mark.django_db(transaction=True)
Serve = Callable[..., str]
TEN = [f"S{number}" for number in range(10)]


def source(*arguments: str) -> str:
    out = StringIO()
    call_command("source", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        source(*arguments)
    return str(caught.value)


def test_from_adding_to_removing(serve: Serve) -> None:
    address = serve(tsv(*TEN))
    assert "There is no source;" in source("list")
    told = source("add", "shop", address, "--every", "6h", "--missing", "withdraw")
    assert told == "Added shop, every 6 hours. The worker reads it now.\n"
    assert "already" in refused("add", "shop", address)
    assert "Done: 10 new, 0 updated, 0 unchanged, 0 bad." in source("run", "shop")

    serve(tsv(*TEN[:5]) + b"S5\t\thttps://cdn.shop.example/S5.jpg\n")
    told = source("run", "shop")
    assert "4 of 10 listings are gone" in told and "withdraw or keep them?" in told
    assert "1 rows, title:" in told
    assert "Asks whether to withdraw" in source("list")
    assert "4 are gone, 4 withdrawn." in source("answer", "shop", "withdraw")
    assert Product.objects.present().count() == 6
    assert "No run of shop asks anything." in refused("answer", "shop", "keep")

    told = source("change", "shop", "--every", "2d", "--missing", "keep", "--ask-above", "0.5")
    assert "Changed shop, every 2 days. Next: " in told
    assert "by hand" in source("change", "shop", "--every", "0")
    assert "stay as they are" in source("remove", "shop")
    assert not CatalogueSource.objects.exists() and Product.objects.present().count() == 6


def test_files_by_hand_and_columns_by_name(bundled: Any, settings: Any, tmp_path: Path) -> None:
    settings.IMPORT_DIR = tmp_path / "imports"
    file = tmp_path / "artikel.csv"
    file.write_text("Nr;Name;Bild\n1;Tasse;https://shop.example/1.jpg\n")
    mapped = [f"--map={one}" for one in ("id=Nr", "title=Name", "photos=Bild")]
    assert "It runs when it is asked to." in source("add", "by hand", *mapped)
    assert "has no address" in refused("run", "by hand")
    assert "1 new" in source("run", "by hand", "--file", str(file))
    assert "is not a file" in refused("run", "by hand", "--file", str(tmp_path / "none.csv"))
    assert "Nothing new: The file is the one of before." in source(
        "run", "by hand", "--file", str(file)
    )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["add", "a", "no/such/file.csv"], "There is no file and no folder"),
        (["add", "a", "http://shop.example/f"], "give an https address"),
        (["add", "a", "--every", "6h"], "only where it has an address"),
        (["add", "a", "--every", "soon"], "no time such as 6h"),
        (["add", "a", "--ask-above", "7"], "no share"),
        (["add", "a", "--map", "colour=Farbe"], "no ROLE=COLUMN"),
        (["add", " "], "1 to 100 characters"),
        (["run", "none"], "There is no source none; there is: none."),
        (["answer", "none", "burn"], "invalid choice"),
        (["add", "a", "--by", "nobody"], "There is no user"),
    ],
)
def test_what_is_wrong_is_said(bundled: Any, arguments: list[str], why: str) -> None:
    assert why in refused(*arguments)
    assert not CatalogueSource.objects.exists()


def test_a_feed_that_fails_ends_the_command_with_an_error(serve: Serve) -> None:
    source("add", "shop", serve(b"<html>We are back soon</html>"))
    assert "page for people" in refused("run", "shop")


def test_a_run_that_the_worker_has_is_awaited(serve: Serve) -> None:
    address = serve(tsv(*TEN))
    source("add", "shop", address, "--every", "1d")
    held = due.claim("elsewhere/1/1")
    assert held is not None

    def work() -> None:
        time.sleep(0.3)
        run.work(held, "elsewhere/1/1")
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert "Done: 10 new" in source("run", "shop")
    worker.join()
    assert SourceRun.objects.count() == 1


def test_a_pause_of_all_work_holds_it(serve: Serve) -> None:
    source("add", "shop", serve(HEADER.encode() + tsv("A")))
    pause.switch(on=True, by=User.objects.create(username="boss"))
    assert "All work is paused" in refused("run", "shop")
