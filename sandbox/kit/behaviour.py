"""Settings of how a sandbox behaves beyond its answers: lags, latency, a wrong clock."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class ControlModel(BaseModel):
    """A body of the control API: camelCase keys, unknown keys refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Behaviour(ControlModel):
    """`POST /_sandbox/behaviour`; a vendor supports the keys that its class lists in `behaviours`."""

    index_lag_seconds: float = Field(default=0, ge=0)
    commit_lag_seconds: float = Field(default=0, ge=0)
    clock_skew_seconds: float = 0
    latency_ms: float = Field(default=0, ge=0)
