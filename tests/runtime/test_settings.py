"""Settings: read from the environment and `.env`, with defaults; what is missing is listed at once (I8, I9)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.settings import MissingSettings, Settings, require
from store.crypto import Vault


@pytest.fixture(autouse=True)
def empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder without `.env`, and no variable of ours."""
    for name in os.environ:
        if name.startswith("EXTERNAL_SYNC_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_one_machine() -> None:
    settings = Settings()
    assert settings.database_url == "sqlite:///.external-sync/external-sync.db"
    assert (settings.chunk_size, settings.fetch_size, settings.window) == (1000, 5000, 2)
    assert settings.task_queue == "external-sync"
    assert settings.keys() == []


def test_the_database_follows_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTERNAL_SYNC_DATA_DIR", "/srv/sync")
    assert Settings().database_url == "sqlite:////srv/sync/external-sync.db"
    monkeypatch.setenv("EXTERNAL_SYNC_DATABASE_URL", "postgresql+psycopg://u@h/d")
    assert Settings().database_url == "postgresql+psycopg://u@h/d"


def test_dotenv_is_read_below_the_environment(monkeypatch: pytest.MonkeyPatch, empty_place: Path) -> None:
    keys = [Vault.new_key(), Vault.new_key()]
    (empty_place / ".env").write_text(
        f"EXTERNAL_SYNC_ENCRYPTION_KEYS={keys[0]}, {keys[1]},\nEXTERNAL_SYNC_CHUNK_SIZE=10\nEXTERNAL_SYNC_API_KEY=\n"
        "EXTERNAL_SYNC_PUBLIC_URL=https://sync.example/\nOTHER=1\nEXTERNAL_SYNC_LOG_LEVEL=debug\n"
    )
    monkeypatch.setenv("EXTERNAL_SYNC_CHUNK_SIZE", "20")
    settings = Settings()
    assert settings.keys() == keys
    assert settings.chunk_size == 20
    assert settings.api_key is None
    assert settings.public_url == "https://sync.example"
    assert settings.log_level == "DEBUG"
    assert Vault(settings.keys())
    assert keys[0] not in repr(settings)


def test_everything_missing_is_listed() -> None:
    with pytest.raises(
        MissingSettings, match="EXTERNAL_SYNC_API_KEY, EXTERNAL_SYNC_ENCRYPTION_KEYS in the environment"
    ):
        require(Settings(), "api_key", "database_url", "encryption_keys")
    require(Settings(), "database_url")


@pytest.mark.parametrize(("name", "value"), [("CHUNK_SIZE", "0"), ("LOG_FORMAT", "xml"), ("WINDOW", "many")])
def test_a_bad_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"EXTERNAL_SYNC_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()
