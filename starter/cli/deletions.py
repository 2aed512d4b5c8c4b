"""The command about deletions that were too many at once: a person approves or rejects them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from starter.cli.output import say, show_json, show_table
from starter.cli.session import (
    AsJson,
    CommandError,
    ListFirst,
    OneEntity,
    SomeIntegration,
    choose,
    chosen_or_all,
    open_client,
)
from starter.shapes import Conflict

KIND = "deletions"

deletions = typer.Typer(
    cls=ListFirst, help="Deletions that wait, being too many at once: list (the default), approve, reject."
)

QuestionId = Annotated[str, typer.Argument(metavar="ID", help="Id of the question.")]


@deletions.command("list")
def list_deletions(integration: SomeIntegration = None, entity: OneEntity = None, as_json: AsJson = False) -> None:
    """List the deletions that wait for a person's word."""
    with open_client() as client:
        found = [
            (name, one)
            for name in chosen_or_all(client, integration)
            for one in client.conflicts(name, status="open", entity=entity.value if entity else None)
            if one["kind"] == KIND
        ]
    if as_json:
        show_json([one for _, one in found])
        return
    rows = [[one["id"], name, one["entity"], *_facts(one)] for name, one in found]
    columns = ["id", "integration", "entity", "deleted on", "records", "of linked", "what would follow"]
    show_table(columns, rows, empty="No deletions wait.")
    if rows:
        say("Carry them out: external-sync deletions approve ID. Leave the other side alone: … reject ID")


@deletions.command("approve")
def approve(question: QuestionId, integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """Let the deletions be carried out on the other side, as `onDelete` says. Each record is looked at once more."""
    _answer(question, "approve", integration, as_json=as_json)


@deletions.command("reject")
def reject(question: QuestionId, integration: SomeIntegration = None, as_json: AsJson = False) -> None:
    """Leave the other side alone: these deletions are ignored."""
    _answer(question, "reject", integration, as_json=as_json)


def _answer(question: str, resolution: str, integration: str | None, *, as_json: bool) -> None:
    with open_client() as client:
        name = choose(client, integration)
        found = client.conflict(name, question)
        if found["kind"] != KIND:
            raise CommandError(f"{question} is a conflict: external-sync conflicts show {question}")
        decision = {"version": found["version"], "resolution": resolution}
        result = client.resolve_conflict(name, question, decision)
    side, deleted, *_ = _facts(found)
    show_json(result) if as_json else say(f"{resolution.title()}: {deleted} records deleted on the {side} side.")


def _facts(question: Conflict) -> list[Any]:
    facts = (question.get("candidates") or [{}])[0]
    return [facts.get(key) for key in ("side", "deleted", "linked", "policy")]
