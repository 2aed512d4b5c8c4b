"""Payloads in Temporal: encrypted where a setting says so, readable after a change of keys, and never half of both."""

from __future__ import annotations

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from activities.contracts import DeliveryRef
from runtime.codec import ENCODING, UnreadablePayloadError, data_converter
from runtime.settings import Settings
from store.crypto import Vault

REF = DeliveryRef(delivery_id="msg_of_a_delivery")


def converter(*keys: str, encrypt: bool = True) -> DataConverter:
    return data_converter(Settings.model_validate({"encryption_keys": ",".join(keys), "encrypt_payloads": encrypt}))


async def test_i8_what_temporal_keeps_shows_nothing() -> None:
    written = await converter(Vault.new_key()).encode([REF, {"a": "value"}])
    assert {one.metadata["encoding"] for one in written} == {ENCODING}
    assert not any(b"msg_of_a_delivery" in one.data or b"value" in one.data for one in written)
    failure = Failure()
    await converter(Vault.new_key()).encode_failure(ApplicationError("words", "a detail", type="duplicate"), failure)
    assert b"words" not in failure.SerializeToString()


async def test_payloads_survive_a_new_key_and_switching_off() -> None:
    old, new = Vault.new_key(), Vault.new_key()
    written = await converter(old).encode([REF])
    for reader in (converter(new, old), converter(old, encrypt=False)):
        assert await reader.decode(written, [DeliveryRef]) == [REF]
    with pytest.raises(UnreadablePayloadError):
        await converter(new).decode(written, [DeliveryRef])


async def test_what_was_written_in_clear_is_read_where_encryption_is_on() -> None:
    key = Vault.new_key()
    clear = await converter(key, encrypt=False).encode([REF])
    assert b"msg_of_a_delivery" in clear[0].data
    assert await converter(key).decode(clear, [DeliveryRef]) == [REF]
