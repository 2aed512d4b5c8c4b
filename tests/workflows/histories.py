"""Saved histories: where they are, how they are cleaned before they are saved, and how they are read."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

FOLDER = Path(__file__).parents[1] / "histories"
# Who and where the worker was, and stack traces with its paths: nothing that a replay reads.
MACHINE = {"identity": "worker", "stackTrace": ""}


def saved() -> list[Path]:
    """The files of saved histories."""
    return sorted(FOLDER.glob("*.json"))


def load(path: Path) -> WorkflowHistory:
    """Read a saved history."""
    text = path.read_text()
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], text)


def save(name: str, history: WorkflowHistory) -> Path:
    """Save a history without what tells of the machine it was recorded on."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(json.dumps(_cleaned(history.to_json_dict()), indent=1) + "\n")
    return path


def words(text: str) -> str:
    """All that a history says, with its payloads decoded."""
    return "\n".join(_texts(json.loads(text)))


def _cleaned(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: MACHINE.get(key, _cleaned(value)) for key, value in item.items()}
    return [_cleaned(value) for value in item] if isinstance(item, list) else item


def _texts(item: Any) -> Iterator[str]:
    if isinstance(item, dict):
        for key, value in item.items():
            if key == "data" and isinstance(value, str):
                yield base64.b64decode(value).decode(errors="replace")
            else:
                yield from _texts(value)
    elif isinstance(item, list):
        for value in item:
            yield from _texts(value)
    else:
        yield str(item)
