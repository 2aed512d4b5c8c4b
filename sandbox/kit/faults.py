"""Faults on demand: which calls go wrong, how, and how often."""

import random
import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from sandbox.kit.behaviour import ControlModel


class FaultKind(StrEnum):
    """What can go wrong with a vendor call (`POST /_sandbox/faults`).

    The call is carried out, and its answer spoilt: DROP_AFTER_COMMIT, MALFORMED_BODY (half of the JSON), EMPTY_BODY,
    TRUNCATED_BODY (the connection ends before the promised length), WRONG_TYPE (said to be HTML). It is not carried
    out: HTML_ERROR (a 502 page of what stands before the vendor) and REDIRECT (to another host).
    """

    RATE_LIMIT = "rate_limit"
    ERROR_500 = "error_500"
    ERROR_503 = "error_503"
    TIMEOUT = "timeout"
    DROP_AFTER_COMMIT = "drop_after_commit"
    DROP_BEFORE_COMMIT = "drop_before_commit"
    MALFORMED_BODY = "malformed_body"
    EMPTY_BODY = "empty_body"
    TRUNCATED_BODY = "truncated_body"
    WRONG_TYPE = "wrong_type"
    HTML_ERROR = "html_error"
    REDIRECT = "redirect"
    SLOW = "slow"
    PARTIAL_FAILURE = "partial_failure"


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


class FaultMatch(ControlModel):
    """Which calls: the method (any when null; `POST|PATCH` is either) and a regular expression for the path.

    The path is searched without its query.
    """

    method: Annotated[str | None, AfterValidator(lambda value: value and _compiles(value))] = None
    path: Annotated[str, AfterValidator(_compiles)] = ""


class FaultRule(ControlModel):
    """Every `every`-th matching call fails with `probability`, at most `times` times (null: for ever)."""

    match: FaultMatch = Field(default_factory=FaultMatch)
    fault: FaultKind
    times: int | None = Field(default=None, ge=1)
    every: int = Field(default=1, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    retry_after: float | None = Field(default=None, ge=0)


class Faults:
    """The rules of one account, in the order in which they were added; the first that fires wins."""

    def __init__(self) -> None:
        self._rules: list[_Counted] = []

    def add(self, rule: FaultRule) -> None:
        self._rules.append(_Counted(rule, len(self._rules)))

    def clear(self) -> None:
        self._rules.clear()

    def listing(self) -> list[dict[str, object]]:
        """The rules with how many calls matched and how many failed."""
        return [
            {**counted.rule.model_dump(mode="json", by_alias=True), "matched": counted.matched, "fired": counted.fired}
            for counted in self._rules
        ]

    def strike(self, method: str, path: str) -> FaultRule | None:
        """Count this call on every rule that matches it, and give the one that fires."""
        struck = None
        for counted in self._rules:
            if counted.matches(method, path) and struck is None and counted.fires():
                struck = counted.rule
        return struck


class _Counted:
    """A rule with its counters. Chance is seeded by the rule's place, so that a run can be repeated."""

    def __init__(self, rule: FaultRule, place: int) -> None:
        self.rule = rule
        self.matched = 0
        self.fired = 0
        self._path = re.compile(rule.match.path)
        self._random = random.Random(place)

    def matches(self, method: str, path: str) -> bool:
        wanted = self.rule.match.method
        if (wanted and not re.fullmatch(wanted, method, re.IGNORECASE)) or not self._path.search(path):
            return False
        self.matched += 1
        return True

    def fires(self) -> bool:
        rule = self.rule
        if rule.times is not None and self.fired >= rule.times:
            return False
        if self.matched % rule.every or self._random.random() >= rule.probability:
            return False
        self.fired += 1
        return True
