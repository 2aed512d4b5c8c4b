"""Sample records that are made once each, whatever is asked for how often."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping


class Seeder(ABC):
    """Makes the sample records of one vendor account. `known` are those that are made, by entity, seed and number."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    @abstractmethod
    def makers(self) -> Mapping[str, Callable[[int, int], str]]:
        """How a record of each entity is made from seed and number, with the parents that it needs; its id."""

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        """The ids of the sample records number `offset … offset+count-1`."""
        return [self.one(entity, seed, index) for index in range(offset, offset + count)]

    def one(self, entity: str, seed: int, index: int) -> str:
        """The id of one sample record."""
        key = f"{entity}:{seed}:{index}"
        if key not in self.known:
            self.known[key] = self.makers()[entity](seed, index)
        return self.known[key]
