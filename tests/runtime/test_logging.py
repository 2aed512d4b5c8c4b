"""Logging: one format for everything, and no secret in it (I8)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from runtime.logging import setup_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_lines_and_the_libraries_share_one_format(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("json")
    structlog.get_logger("engine").info("pass finished", run="sync_1", entity="accounts", count=3)
    logging.getLogger("library").warning("%s of %d", "part", 2)
    logging.getLogger("httpx").info("chatter")
    logging.getLogger("library").debug("too low")
    ours, theirs = lines(capsys)
    assert {key: ours[key] for key in ("event", "run", "entity", "count", "level", "logger")} == {
        "event": "pass finished",
        "run": "sync_1",
        "entity": "accounts",
        "count": 3,
        "level": "info",
        "logger": "engine",
    }
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("part of 2", "warning", "library")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_taken_out(capsys: pytest.CaptureFixture[str], log_format: Any) -> None:
    setup_logging(log_format)
    log = structlog.get_logger("x")
    log.info(
        "a",
        api_key="s3cr3t-1",
        accessToken="s3cr3t-2",
        detail={"client_secret": "s3cr3t-3", "list": [{"password": "s3cr3t-4"}]},
        header="Bearer s3cr3t-5",
        url="https://v.example/token?code=s3cr3t-6&x=1",
        database="postgresql://user:s3cr3t-7@host/d",
        path="/webhooks/int_salesforce/s3cr3t-8",
    )
    logging.getLogger("lib").error("sent Authorization: Bearer s3cr3t-9 to /webhooks/int_a/s3cr3t-10?x")
    try:
        raise ValueError("refresh_token=s3cr3t-11")
    except ValueError:
        log.exception("failed", record_id="001A")
    text = capsys.readouterr().err
    assert "s3cr3t" not in text
    assert "001A" in text
    assert "ValueError" in text
    assert "int_salesforce" in text


def test_counts_of_tokens_and_ids_stay(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("json")
    structlog.get_logger("x").info("b", tokens_version=3, external_id="001A", path="/webhooks/alguna")
    (line,) = lines(capsys)
    assert (line["tokens_version"], line["external_id"], line["path"]) == (3, "001A", "/webhooks/alguna")


COMPANY = "Acme Ltd"


class Customer(BaseModel):
    """Something to be validated."""

    name: int


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("library", [False, True])
def test_i8_exceptions_tell_where_and_what_kind_but_quote_no_values(
    capsys: pytest.CaptureFixture[str], log_format: Any, library: bool
) -> None:
    setup_logging(log_format)
    log = logging.getLogger("lib") if library else structlog.get_logger("x")
    try:
        try:
            dict[str, str]()[COMPANY]
        except KeyError as error:
            raise ExceptionGroup(COMPANY, [ValueError(COMPANY), error]) from error
    except ExceptionGroup:
        log.exception("activity_failed")
    try:
        Customer.model_validate({"name": COMPANY})
    except ValueError:
        log.exception("activity_failed")
    text = capsys.readouterr().err
    assert COMPANY not in text
    for kind in ("KeyError", "ExceptionGroup", "ValueError", "name (int_parsing)", "test_logging.py"):
        assert kind in text


def test_what_an_operator_can_mend_keeps_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("json")
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except OSError:
        logging.getLogger("lib").exception("interrupted")
    assert "Connection refused" in lines(capsys)[0]["exception"]
