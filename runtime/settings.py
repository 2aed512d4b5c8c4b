"""The settings: `EXTERNAL_SYNC_*` variables and `.env`. Temporal's own `TEMPORAL_*` are read by `runtime.temporal`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "EXTERNAL_SYNC_"


class MissingSettings(Exception):
    """Settings that this part of the service cannot start without."""


class Settings(BaseSettings):
    """All settings with their defaults; an empty variable counts as absent. Secrets do not show in a repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", validate_default=True
    )

    data_dir: Path = Path(".external-sync")
    database_url: str = Field(default_factory=lambda data: f"sqlite:///{data['data_dir']}/external-sync.db")
    api_key: SecretStr | None = None
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    alguna_base_url: str | None = None
    alguna_api_key: SecretStr | None = None
    alguna_webhook_secret: SecretStr | None = None
    public_url: str = "http://localhost:8080"
    webhook_allow_private: bool = False

    temporal_ui_url: str = "http://localhost:8233"
    task_queue: str = "external-sync"
    metrics_address: str | None = None
    """Where the worker's Temporal metrics are served for Prometheus, as host:port; nowhere when absent."""

    traces_endpoint: str | None = None
    """Where OpenTelemetry traces go, an OTLP/HTTP address such as http://collector:4318/v1/traces; nowhere when absent.
    """
    encrypt_payloads: bool = False
    """Whether what Temporal keeps is encrypted with the encryption keys."""

    activity_slots: int = Field(default=20, ge=1, le=1_000)
    """Activities that one worker carries out at a time."""
    workflow_slots: int = Field(default=100, ge=1, le=5_000)
    """Workflow tasks that one worker carries out at a time."""
    pollers: int = Field(default=5, ge=2, le=100)
    """Calls with which one worker waits for tasks of each kind at a time."""
    drain_seconds: float = Field(default=20, ge=0, le=600)
    """How long a worker that is told to stop lets its activities finish what they do."""

    history_days: int = Field(default=90, ge=0)
    """How long ended syncs, their records, resolved errors and webhook deliveries are kept; 0: for ever."""
    audit_days: int = Field(default=730, ge=0)
    """How long the audit trail is kept; 0: for ever."""

    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    chunk_size: int = Field(default=1000, ge=1, le=10_000)
    """Records of one chunk, the unit of the visible activities."""
    fetch_size: int = Field(default=5000, ge=1, le=50_000)
    """Records that one fetch activity stages at most."""
    window: int = Field(default=2, ge=1, le=50)
    """Chunks of one pass that are worked on at a time."""
    circuit_failures: int = Field(default=50, ge=1, le=10_000)
    """Equal failures in a row after which writes that would fail alike wait until one has been tried."""
    stale_read_seconds: float = Field(default=10, ge=0)
    """Targets that were read longer ago than this are read again before they are written."""
    schema_minutes: float = Field(default=10, ge=0)
    """A description of a system's fields that is older is asked for again by the next pass."""
    heartbeat_seconds: float = Field(default=30, ge=1)
    """A worker that is silent for this long is taken for dead."""
    fail_point: str | None = None
    """Where this process is to be killed, for crash tests; see `runtime.failpoints`."""

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [key.strip() for key in value.split(",") if key.strip()] if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("public_url", "temporal_ui_url", "alguna_base_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value else value

    @property
    def lease_seconds(self) -> float:
        """How long a lease outlives its holder: not too short, for a slow machine must not lose one that it holds."""
        return max(5.0, self.heartbeat_seconds)

    def keys(self) -> list[str]:
        """The encryption keys in clear, newest first, as `store.crypto.Vault` takes them."""
        return [key.get_secret_value() for key in self.encryption_keys]


def require(settings: Settings, *names: str) -> None:
    """Raise MissingSettings that lists every one of the named settings (`alguna_api_key`, …) that is absent."""
    missing = [f"{PREFIX}{name.upper()}" for name in names if not getattr(settings, name)]
    if missing:
        raise MissingSettings(f"set {', '.join(missing)} in the environment or in .env (see .env.example)")
