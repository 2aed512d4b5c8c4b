"""The whole state of an installation as one file: the database, Temporal's own, both systems' records, and the book.

A version's state is recorded once (`tests.upgrade.record`) and never changed: later versions must take over from it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from runtime.dev_server import dev_server
from runtime.settings import Settings
from runtime.wiring import open_services
from sandbox.kit.testing import SandboxThread
from tests.engine.world import Sandboxes, World
from tests.ports import free_port

STATES = Path(__file__).parent / "states"
BOOK = "book.json"
# What the systems hold, without what belongs to a login: that is made anew with every sandbox.
KEPT = {"alguna": ("store", "due", "idempotency"), "salesforce": ("setup", "records", "seeded")}
# Everybody can read what is encrypted with it; the secrets of a sandbox that is gone open nothing.
_KEY = base64.urlsafe_b64encode(bytes(32)).decode()


def pack(folder: Path, target: Path) -> None:
    """Write what lies in a folder as a state. The database's newest transactions are taken out of its `-wal` first."""
    with contextlib.closing(sqlite3.connect(folder / "store.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:xz") as archive:
        for name in ("store.db", "temporal/temporal.db", "alguna.json", "salesforce.json", BOOK):
            archive.add(folder / name, name, filter=_plain)


def unpack(source: Path, folder: Path) -> None:
    """Put a state into an empty folder."""
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    return item


@contextlib.asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[World]:
    """Both systems, Temporal and the service as the folder holds them, or empty ones; saved there at the end."""
    (folder / "temporal").mkdir(parents=True, exist_ok=True)
    boxes = Sandboxes("salesforce", SandboxThread("alguna"), SandboxThread("salesforce"))
    for box, name in ((boxes.alguna, "alguna"), (boxes.external, "salesforce")):
        file = folder / f"{name}.json"
        if file.exists():
            vendor = box.account().vendor
            vendor.load({**vendor.dump(), **json.loads(file.read_text())})
    await boxes.start()
    try:
        async with dev_server(folder=folder / "temporal", port=free_port()) as server:
            world = await _world(folder, server.address, boxes)
            try:
                yield world
            finally:
                world.end_processes()
                await world.services.close()
    finally:
        await boxes.stop()
    for box, name in ((boxes.alguna, "alguna"), (boxes.external, "salesforce")):
        held = box.account().vendor.dump()
        (folder / f"{name}.json").write_text(json.dumps({key: held[key] for key in KEPT[name]}))


async def _world(folder: Path, address: str, boxes: Sandboxes) -> World:
    """The service around the folder's database, which is not migrated here."""
    settings = Settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder}/store.db",
        encryption_keys=(SecretStr(_KEY),),
        task_queue="upgrade",
        heartbeat_seconds=2,
        chunk_size=4,
        webhook_allow_private=True,
    )
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    return World(boxes, open_services(settings), client, settings, address)


def read_book(folder: Path) -> dict[str, Any]:
    """What the people of a state did, and what they wait for."""
    book: dict[str, Any] = json.loads((folder / BOOK).read_text())
    return book
