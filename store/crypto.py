"""Encryption of secrets at rest (I8): a list of Fernet keys, of which the first encrypts and all decrypt.

To rotate, put a new key in front, and drop the old one when everything was written anew (`store.rekey`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import Internal

SETTING = "EXTERNAL_SYNC_ENCRYPTION_KEYS"


class VaultError(Internal):
    """The encryption keys are missing, malformed, or not those with which a secret was stored."""


class Vault:
    """Encrypts and decrypts small dictionaries of secrets."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys, newest first. Raises VaultError when there is none or one is not a Fernet key."""
        if not keys:
            raise VaultError(f"{SETTING} is empty: credentials cannot be stored or read without a key")
        every = [_fernet(key, number) for number, key in enumerate(keys, start=1)]
        self._fernet, self._newest = MultiFernet(every), every[0]

    @staticmethod
    def new_key() -> str:
        """A fresh random key."""
        return Fernet.generate_key().decode()

    def encrypt(self, secrets: Mapping[str, str]) -> str:
        """Return the encrypted text of a dictionary."""
        return self._fernet.encrypt(json.dumps(dict(secrets)).encode()).decode()

    def is_newest(self, text: str) -> bool:
        """Whether the newest key has written this."""
        try:
            self._newest.decrypt(text.encode())
        except InvalidToken:
            return False
        return True

    def decrypt(self, text: str) -> dict[str, str]:
        """Return what `encrypt` took. Raises VaultError when none of the keys fits."""
        try:
            plain = self._fernet.decrypt(text.encode())
        except InvalidToken:
            raise VaultError(
                f"a stored secret cannot be decrypted: {SETTING} holds none of the keys it was written with"
            ) from None
        secrets: dict[str, str] = json.loads(plain)
        return secrets


def _fernet(key: str, number: int) -> Fernet:
    try:
        return Fernet(key.strip())
    except ValueError:
        raise VaultError(f"{SETTING}: key {number} is not 32 bytes in URL-safe base64") from None
