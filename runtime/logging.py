"""Logging: one line per event, for people or as JSON, of our own code and of the libraries alike.

Log ids of runs, integrations, entities and records; never records themselves. Secrets are taken out all the same (I8):
values under keys that sound like secrets, bearer tokens, the tokens in receivers' paths, and the words of exceptions
(`runtime.tracebacks`).
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from temporalio import activity, workflow

from runtime.tracebacks import tell

REDACTED = "[redacted]"
_SECRET_KEY = re.compile(
    r"secret|password|passphrase|authorization|credential|cookie|signature|private_?key|api_?key|encryption_?key"
    r"|(access|refresh|bearer|id|session|csrf)_?token|^tokens?$|assertion",
    re.IGNORECASE,
)
_SECRET_TEXT = [
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(/webhooks/[^/\s?\"']+/)[^/\s?\"']+"), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b([\w-]*(?:token|secret|password|api_?key|assertion|code)=)[^&\s\"']+"), rf"\1{REDACTED}"),
    (re.compile(r"(\w+://[^/\s:@]+:)[^/\s@]+@"), rf"\1{REDACTED}@"),
]
# These report every request at INFO.
_CHATTY = ("httpx", "httpcore", "aiosqlite", "alembic", "asyncio", "uvicorn.access")


def setup_logging(log_format: Literal["console", "json"] = "console", level: str = "INFO") -> None:
    """Send all logs of this process to stderr in one format. Calling it again replaces the earlier set-up."""
    shared: list[Processor] = [
        drop_while_replaying,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        add_temporal_ids,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Exceptions become text before the redaction, so the renderer never sees a traceback of its own to print.
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(tell),
        redact,
    ]
    if log_format == "json":
        last.append(structlog.processors.JSONRenderer())
    else:
        last.append(structlog.dev.ConsoleRenderer(colors=_terminal()))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def drop_while_replaying(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop what a workflow logs while its history is replayed: it was logged the first time."""
    if workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event


def add_temporal_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say which workflow or activity is speaking."""
    if workflow.in_workflow():
        event.setdefault("workflow_id", workflow.info().workflow_id)
    elif activity.in_activity():
        info = activity.info()
        event.setdefault("workflow_id", info.workflow_id)
        event.setdefault("activity", info.activity_type)
        event.setdefault("attempt", info.attempt)
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take out what must never be in a log."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: str, value: Any) -> Any:
    if _SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, Mapping):
        return {inner: _clean(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(key, item) for item in value]
    if isinstance(value, str):
        for pattern, instead in _SECRET_TEXT:
            value = pattern.sub(instead, value)
    return value


def _terminal() -> bool:
    return sys.stderr.isatty()
