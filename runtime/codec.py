"""Encryption of what Temporal keeps: payloads of workflows and activities, and the words of their failures.

They hold references and counts only (I8), so this is for those whose rules want everything encrypted that leaves the
service. Keys are those of the stored credentials. What was written before it was switched on stays readable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from runtime.settings import Settings

ENCODING = b"binary/encrypted"
_NAME = "encoding"


class UnreadablePayloadError(ValueError):
    """None of the encryption keys opens a payload."""


class EncryptedPayloads(PayloadCodec):
    """Encrypts with the first of the keys, decrypts with all, and leaves alone what is not encrypted."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys, newest first."""
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return each payload encrypted as a whole, so that its form does not show either."""
        return [
            Payload(metadata={_NAME: ENCODING}, data=self._fernet.encrypt(one.SerializeToString())) for one in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return each payload as it was. Raises UnreadablePayloadError."""
        return [self._opened(one) for one in payloads]

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get(_NAME) != ENCODING:
            return payload
        try:
            return Payload.FromString(self._fernet.decrypt(payload.data))
        except InvalidToken:
            raise UnreadablePayloadError("EXTERNAL_SYNC_ENCRYPTION_KEYS holds none of the payload's keys") from None


def data_converter(settings: Settings) -> DataConverter:
    """Return how this process writes and reads payloads. What is encrypted is read even where writing it is off."""
    keys = settings.keys()
    if not keys:
        return pydantic_data_converter
    codec = EncryptedPayloads(keys)
    if not settings.encrypt_payloads:
        return dataclasses.replace(pydantic_data_converter, payload_codec=_ReadOnly(codec))
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


class _ReadOnly(PayloadCodec):
    def __init__(self, codec: EncryptedPayloads) -> None:
        self._codec = codec

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self._codec.decode(payloads)
