"""What vendors tell us by themselves: an event is a hint that a record may have changed; the record is read again.

Each connector package offers a receiver: it says whose event a body is, checks that the vendor sent it, and names the
records. Nothing of a body is trusted before it was checked, and nothing of it is kept but ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.records import Entity

MAX_AGE_SECONDS = 300
"""How old a signed delivery may be, where the vendor signs the time (Standard Webhooks; HubSpot sheet)."""


class BadSignatureError(Exception):
    """The delivery is not the vendor's, or too old. The message holds nothing of the secret."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP call of a vendor. Header names are in lower case; `url` is the public one that the vendor called.

    `token` is the last part of the path where the vendor cannot sign, and None elsewhere.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A hint that a record changed. `id` is the vendor's own of this hint, the same when it is sent again."""

    id: str
    entity: Entity
    record_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor wants to hear."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"


class EventReceiver(Protocol):
    """A vendor's way of telling what changed."""

    token_in_path: bool
    """Whether a secret path takes the place of a signature."""

    def account_ids(self, delivery: Delivery) -> Sequence[str]:
        """The vendor's ids of the accounts that a body, not yet checked, speaks of. Raises BadSignatureError if none
        can be read; empty where the vendor sends one account's events to a URL of its own."""
        ...

    def check(self, delivery: Delivery, secret: str, account_id: str | None, now: datetime) -> None:
        """Make sure that the vendor sent this. Raises BadSignatureError."""
        ...

    def events(self, delivery: Delivery, account_id: str | None) -> list[Event]:
        """The hints about one account in a checked delivery; kinds of records that we do not sync are left out."""
        ...

    def answer(self, delivery: Delivery, secret: str) -> Answer:
        """What to answer to a checked delivery."""
        ...


@runtime_checkable
class TellsOfSome(Protocol):
    """A receiver that tells of some kinds of records only. Others are looked for between schedules."""

    tells_of: frozenset[Entity]
