"""`requestid`: the first answer of a write is given again and nothing is done (sheet 4)."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.quickbooks.errors import QuickBooksError
from sandbox.quickbooks.setup import Setup

MOST, MOST_IN_BATCH = 50, 36


@dataclass(frozen=True, slots=True)
class _Answer:
    at: float
    body: dict[str, Any]


class Replays:
    """Answers of writes that succeeded, a batch as a whole. Refused ones are judged anew."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._answers: dict[str, _Answer] = {}

    def clear(self) -> None:
        self._answers.clear()

    def check(self, request_id: str, *, batch: bool) -> None:
        """Raises QuickBooksError 2050 where the id is too long."""
        most = MOST_IN_BATCH if batch else MOST
        if len(request_id) > most:
            detail = f"requestid has at most {most} characters"
            raise QuickBooksError("2050", "String length is not supported", detail, element="requestid")

    def held(self, request_id: str) -> dict[str, Any] | None:
        answer = self._answers.get(request_id)
        if answer is None or time.time() - answer.at > self._setup.request_id_seconds:
            return None
        return answer.body

    def keep(self, request_id: str, body: dict[str, Any]) -> None:
        self._answers[request_id] = _Answer(time.time(), body)

    def dump(self) -> dict[str, Any]:
        return {key: asdict(answer) for key, answer in self._answers.items()}

    def load(self, data: dict[str, Any]) -> None:
        self._answers = {key: _Answer(**answer) for key, answer in data.items()}
