"""Backups and PostgreSQL: the move to it, and whose address and password are used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psycopg
import pytest

from tests.services.running.test_backup import (
    COUNT,
    DECIDE,
    FORGE,
    another,
    figures,
    photos_of,
    said,
)
from tests.services.scoring.test_never_lost import fill
from tests.support.photos import photo
from tools.live_project import LiveProject

pytestmark = [pytest.mark.slow, pytest.mark.any_database]


@pytest.fixture
def on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects are made on PostgreSQL, whatever the suite runs on."""
    url = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error:
        pytest.skip("needs PostgreSQL: apt-get install postgresql, or set TEST_POSTGRES_URL")
    monkeypatch.setenv("DATABASE_URL", url)


def test_from_sqlite_to_postgresql(on_postgresql: None, tmp_path: Path) -> None:
    """Every value, key and sequence, and the triggers that protect decisions."""
    new, old = another(tmp_path / "new"), on_sqlite(tmp_path / "old")
    folder = str(tmp_path / "backup")
    try:
        old.manage("migrate", "-v", "0")
        old.manage("setup")
        fill(old, COUNT)
        old.manage("shell", "-c", DECIDE)
        old.manage("backup", folder)
        old.manage("verify_backup", folder)
        new.manage("restore", folder)
        assert figures(new) == figures(old)
        assert photos_of(new) == photos_of(old)
        refused = new.manage("shell", "-c", FORGE, check=False)
        assert "decisions are append only" in refused.stderr
        new.manage("migrate", "--check")
        new.manage("setup")
        # Keys go on after the largest.
        new.manage("import_products", str(another_catalogue(tmp_path)))
        assert new.rows("SELECT count(*), max(id) FROM moderation_product") == [(COUNT + 1,) * 2]
        new.manage("backup", str(tmp_path / "second"))
        back = on_sqlite(tmp_path / "back")
        answer = back.manage("restore", str(tmp_path / "second"), check=False)
        assert "goes into PostgreSQL only" in said(answer)
    finally:
        new.close()


def on_sqlite(folder: Path) -> LiveProject:
    """A project with nothing in it, on SQLite whatever the suite runs on."""
    project = another(folder)
    project.close()
    project.environment["DATABASE_URL"] = f"sqlite:///{folder}/live.sqlite3"
    return project


def another_catalogue(folder: Path) -> Path:
    (folder / "new.jpg").write_bytes(photo(mark=77))
    path = folder / "new.csv"
    path.write_text("product_id,image_path,text\nNEW,new.jpg,A new ball\n")
    return path


def test_the_address_is_that_of_the_settings_and_no_password_is_on_a_command_line(
    on_postgresql: None, tmp_path: Path
) -> None:
    """The shell's DATABASE_URL is another one than that of `.env`, or there is none."""
    shop = another(tmp_path / "shop")
    try:
        _back_up_with_a_password(shop, tmp_path)
    finally:
        shop.close()


def _back_up_with_a_password(shop: LiveProject, tmp_path: Path) -> None:
    shop.manage("migrate", "-v", "0")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "pg_dump").write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\n'
        f'exec {shutil.which("pg_dump")} "$@"\n'
    )
    (tools / "pg_dump").chmod(0o755)
    address = shop.environment["DATABASE_URL"].replace("postgres@", "postgres:s3cret@")
    (tmp_path / "address").write_text(f"{address}\n")
    shop.environment |= {
        "DATABASE_URL": "",
        "DATABASE_URL_FILE": str(tmp_path / "address"),
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    shop.manage("backup", str(tmp_path / "backup"))
    arguments = (tmp_path / "arguments").read_text()
    assert shop.postgres in arguments and "s3cret" not in arguments
    assert (tmp_path / "password").read_text() == "s3cret\n"
    shop.manage("verify_backup", str(tmp_path / "backup"))
