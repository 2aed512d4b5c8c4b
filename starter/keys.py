"""The keys of an installation on this machine, kept in its data directory with mode 0600, made when they are absent."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

_API_KEY = "api-key"
_ENCRYPTION_KEYS = "encryption-keys"


@dataclass(frozen=True, slots=True)
class Keys:
    """The API's admin key, and the comma-separated keys that encrypt stored credentials. `made` names new ones."""

    api_key: str
    encryption_keys: str
    made: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Keep the keys out of logs."""
        return "Keys(…)"


def load_or_make(data_dir: Path, *, api_key: str | None = None, encryption_keys: str | None = None) -> Keys:
    """Return the given keys, else those of the data directory, else new ones that are stored there first."""
    made = []
    if api_key is None:
        api_key, new = _kept(data_dir / _API_KEY, f"es_{secrets.token_urlsafe(24)}")
        made += [_API_KEY] if new else []
    if encryption_keys is None:
        encryption_keys, new = _kept(data_dir / _ENCRYPTION_KEYS, Fernet.generate_key().decode())
        made += [_ENCRYPTION_KEYS] if new else []
    return Keys(api_key, encryption_keys, tuple(made))


def read_api_key(data_dir: Path) -> str | None:
    """Return the API key that `dev` keeps in a data directory, if there is one."""
    try:
        return (data_dir / _API_KEY).read_text().strip() or None
    except OSError:
        return None


def _kept(path: Path, fresh: str) -> tuple[str, bool]:
    try:
        known = path.read_text().strip()
    except FileNotFoundError:
        known = ""
    if known:
        return known, False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(f"{fresh}\n")
    return fresh, True
