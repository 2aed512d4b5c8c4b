"""What a key of the API may do: each scope holds the ones below it."""

from __future__ import annotations

from enum import IntEnum


class AccessScope(IntEnum):
    """`read` looks; `operate` runs, retries and decides; `admin` connects, configures and gives keys."""

    READ = 1
    OPERATE = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The scope as people write it."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> AccessScope:
        """Return the scope of a word. Raises KeyError for another one."""
        return cls[word.upper()]
