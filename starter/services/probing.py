"""Checking credentials by a live call before they are stored, and before anything else is (I9).

The connector works on services that live only as long as the check: what a refused set of credentials leaves behind is
nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from connectors.protocols import ConnectorContext
from connectors.registry import provider_spec
from core.errors import RateLimit, SyncError
from core.ports import Credentials
from core.problems import Problem, did_you_mean
from core.values import Value
from starter.services.refusals import Invalid, invalid

_CHECK_SECONDS = 40.0
_LIMITS = ("requestsPerSecond", "requestsPerDay", "concurrent")


@dataclass(frozen=True, slots=True)
class Given:
    """Credentials as a person gave them, taken apart: the secrets, and the limits where they were given."""

    values: dict[str, str]
    limits: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Credentials that work: with the tokens that the check may have renewed, and the account behind them."""

    values: Mapping[str, str]
    limits: Mapping[str, float] | None
    account_id: str


def take_apart(provider: str, credentials: Mapping[str, object]) -> Given:
    """Check the form of credentials. Raises Invalid that names each wrong key, never its value."""
    known = provider_spec(provider).credential_keys
    problems: list[Problem] = []
    values: dict[str, str] = {}
    for key, value in credentials.items():
        field = f"credentials.{key}"
        if key == "limits" or value is None:
            continue
        if key not in known:
            problems.append(Problem(field, f"unknown key `{key}`" + did_you_mean(key, {*known, "limits"})))
        elif not isinstance(value, str) or not value.strip():
            problems.append(Problem(field, "must be a text that is not empty"))
        elif key.endswith(("Url", "URL")) and not _is_url(value):
            problems.append(Problem(field, "must be an http or https URL"))
        else:
            values[key] = value
    limits, wrong = _limits(credentials.get("limits"), {*_LIMITS, *provider_spec(provider).limits})
    problems += wrong
    if not values and not problems:
        problems.append(Problem("credentials", f"is empty; {provider} takes {', '.join(sorted(known))}"))
    if problems:
        raise Invalid(*problems)
    return Given(values, limits)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _limits(given: object, known: Collection[str]) -> tuple[dict[str, float] | None, list[Problem]]:
    if given is None:
        return None, []
    if not isinstance(given, dict):
        return None, [Problem("credentials.limits", "must be an object")]
    problems, limits = list[Problem](), dict[str, float]()
    for key, value in given.items():
        field = f"credentials.limits.{key}"
        if key not in known:
            problems.append(Problem(field, f"unknown key `{key}`" + did_you_mean(str(key), known)))
        elif isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            problems.append(Problem(field, "must be a number above zero"))
        elif not key.endswith("PerSecond") and value != int(value):
            problems.append(Problem(field, "must be a whole number"))
        else:
            limits[key] = value
    return limits, problems


async def check(provider: str, integration_id: str, given: Given) -> Checked:
    """Make a live call with the credentials.

    Raises Invalid that names `credentials` when it does not succeed, RateLimit when the vendor will not say now.
    """
    tokens = _Tokens(Credentials(integration_id, 0, given.values))
    shared = _Nothing()
    context = ConnectorContext(integration_id, integration_id, tokens, shared, shared, shared)
    connector = provider_spec(provider).connect(context)
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            account_id = await connector.check()
    except RateLimit:
        raise
    except SyncError as error:
        raise _refused(provider, error) from error
    except TimeoutError as error:
        raise invalid("credentials", f"{provider} did not answer within {_CHECK_SECONDS:g} s") from error
    finally:
        await connector.close()
    return Checked(tokens.credentials.values, given.limits, account_id)


def _refused(provider: str, error: SyncError) -> Invalid:
    first, _, rest = error.message.partition(" ")
    if first.startswith("credentials."):
        return invalid(first, rest)
    return invalid("credentials", f"{provider} was asked and they do not work: {error.message}")


class _Tokens:
    """Implements `core.ports.TokenStore` for one set of credentials, in memory."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    async def load(self, connection_id: str) -> Credentials:
        return self.credentials

    async def save_tokens(self, credentials: Credentials, tokens: Mapping[str, str]) -> Credentials:
        self.credentials = replace(credentials, values={**credentials.values, **tokens})
        return self.credentials

    @asynccontextmanager
    async def refresh_lock(self, connection_id: str) -> AsyncIterator[None]:
        yield

    async def mark_expired(self, connection_id: str, generation: int, reason: str) -> None:
        """Nothing is stored yet that could be marked; the caller gets the error itself."""


class _Nothing:
    """A budget, leases and a notebook for a few calls that nobody else competes with."""

    async def acquire(self, calls: int = 1) -> None:
        """Grant."""

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Grant."""
        yield

    async def report(self, *, used: int | None = None, allowed: int | None = None) -> None:
        """The stored budget learns it from the next call."""

    async def block(self, seconds: float, *, quota: bool = False) -> None:
        """The check ends with the error that tells of the limit."""

    @asynccontextmanager
    async def hold(self, names: Sequence[str], *, seconds: float = 60.0) -> AsyncIterator[None]:
        yield

    async def get(self, topic: str, keys: Sequence[str]) -> dict[str, Value]:
        return {}

    async def put(self, topic: str, facts: Mapping[str, Value]) -> None:
        """Forget."""
