"""A restored backup is older than the systems it speaks of: nothing is made twice, and no edit is lost (I2, I3, I4)."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from pydantic import SecretStr

from core.records import Entity
from runtime.settings import Settings
from runtime.wiring import open_services
from store.crypto import Vault
from tests.engine.inproc import Passes
from tests.engine.world import Sandboxes


def back_up(folder: Path) -> None:
    """As the documentation says, while the service runs."""
    source, target = sqlite3.connect(folder / "store.db"), sqlite3.connect(folder / "backup.db")
    with source, target:
        source.backup(target)
    source.close()
    target.close()


def restore(folder: Path) -> None:
    for path in folder.glob("store.db*"):
        path.unlink()
    shutil.copy(folder / "backup.db", folder / "store.db")


async def test_i2_i3_what_was_synced_after_the_backup_is_found_again(tmp_path: Path, boxes: Sandboxes) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url=f"sqlite:///{tmp_path}/store.db",
        encryption_keys=(SecretStr(Vault.new_key()),),
    )
    services = open_services(settings)
    await services.db.migrate()
    before = Passes(boxes, services, settings)
    await before.connect()
    ids = await boxes.seed("alguna", "accounts", 3)
    await before.configure("accounts")
    await before.run_pass(Entity.ACCOUNTS)
    back_up(tmp_path)
    ids += await boxes.seed("alguna", "accounts", 2, offset=3)
    await boxes.edit("alguna", "accounts", ids[0], name="Renamed and synced")
    await before.run_pass(Entity.ACCOUNTS)
    partner = (await before.links_of(Entity.ACCOUNTS))[ids[1]]
    await before.close()
    restore(tmp_path)
    await boxes.edit("salesforce", "accounts", partner, Name="Renamed after the backup")
    after = Passes(boxes, open_services(settings), settings)
    await after.run_pass(Entity.ACCOUNTS)
    rows = {row["Id"]: row for row in await boxes.records("salesforce", "accounts")}
    assert len(rows) == len(ids), "nothing was made twice"
    links = await after.links_of(Entity.ACCOUNTS)
    assert links == {row["Alguna_Customer_ID__c"]: one for one, row in rows.items()}
    assert rows[links[ids[0]]]["Name"] == "Renamed and synced"
    names = {row["id"]: row["name"] for row in await boxes.records("alguna", "accounts")}
    assert names[ids[1]] == "Renamed after the backup"
    await boxes.clear_calls()
    await after.run_pass(Entity.ACCOUNTS)
    assert await boxes.writes() == [], "and then all agree"
    await after.close()
