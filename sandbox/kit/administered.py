"""A vendor account that has an administrator: entity `setup` of the control API holds one record, its switches."""

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import ValidationError

from sandbox.kit.behaviour import ControlModel
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record, RecordError, Vendor
from sandbox.kit.webhooks import Webhooks

SETUP = "setup"


class Switches(ControlModel):
    """What an administrator can set. Changed in place, because every part of the vendor holds the same object."""

    record_id: ClassVar[str]

    @classmethod
    def of(cls, values: Record, shown: Collection[str]) -> Self:
        """The switches of a record; `shown` are keys that it only shows. Raises RecordError."""
        try:
            return cls.model_validate({key: value for key, value in values.items() if key not in {"id", *shown}})
        except ValidationError as error:
            first = error.errors()[0]
            raise RecordError(422, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error

    def take(self, other: Self) -> None:
        """Become what the other is."""
        for key in type(self).model_fields:
            setattr(self, key, getattr(other, key))

    def data(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


class People(Protocol):
    """What people do in the vendor's own pages; see `Vendor`'s methods of the same kind."""

    def listed(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]: ...

    def one(self, entity: str, record_id: str, deleted: bool) -> Record: ...

    def create(self, entity: str, values: Record) -> Record: ...

    def replace(self, entity: str, record_id: str, values: Record) -> Record: ...

    def patch(self, entity: str, record_id: str, values: Record) -> Record: ...

    def delete(self, entity: str, record_id: str) -> None: ...


S = TypeVar("S", bound=Switches)


class AdministeredVendor(Vendor, Generic[S]):
    """Leads the control API's records to `people`, and those of `setup` to the switches.

    A subclass sets `people` before it is used, and lists `setup` among its `entities`.
    """

    people: People

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks, switches: S) -> None:
        super().__init__(account, limits, webhooks)
        self.switches = switches

    @abstractmethod
    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """See `Vendor.seed`; of no entity but those that can be seeded, and with webhooks kept back."""

    def shown(self) -> Record:
        """What the record of `setup` shows besides the switches."""
        return {}

    def set_up(self, switches: S) -> None:
        """Take over new switches, in place."""
        self.switches.take(switches)

    def fresh(self) -> S:
        """The switches as they are at first."""
        return type(self.switches)()

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        if entity == SETUP:
            raise RecordError(422, f"{SETUP} cannot be seeded")
        with self.webhooks.muted():
            return self.make_samples(entity, count, seed, offset)

    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        if entity == SETUP:
            return [self._setup_record()][offset:][:limit], 1
        return self.people.listed(entity, limit, offset, deleted)

    def get_record(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._setup_record() if entity == SETUP else self.people.one(entity, record_id, deleted)

    def create_record(self, entity: str, values: Record) -> Record:
        return self._administer(values) if entity == SETUP else self.people.create(entity, values)

    def replace_record(self, entity: str, record_id: str, values: Record) -> Record:
        return self._administer(values) if entity == SETUP else self.people.replace(entity, record_id, values)

    def patch_record(self, entity: str, record_id: str, values: Record) -> Record:
        if entity == SETUP:
            return self._administer({**self.switches.data(), **values})
        return self.people.patch(entity, record_id, values)

    def delete_record(self, entity: str, record_id: str) -> None:
        if entity == SETUP:
            self.set_up(self.fresh())
        else:
            self.people.delete(entity, record_id)

    def _administer(self, values: Record) -> Record:
        self.set_up(type(self.switches).of(values, self.shown()))
        return self._setup_record()

    def _setup_record(self) -> Record:
        return {"id": self.switches.record_id, **self.switches.data(), **self.shown()}
