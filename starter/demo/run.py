"""`external-sync demo`: starts everything, goes through the steps, and says whether every check held."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from rich.markup import escape

from starter.children import PartFailedError, Supervisor, stop_on_signals
from starter.cli.output import console, describe, is_terminal, say, show_table
from starter.client import ApiError, Client, UnreachableError
from starter.config_changes import apply
from starter.config_file import load
from starter.demo import edits, events, others, trouble
from starter.demo.sides import AlgunaSide, SalesforceSide
from starter.demo.systems import SYSTEMS, VendorSide
from starter.demo.world import CheckFailedError, World
from starter.keys import load_or_make
from starter.sandboxes import SandboxError
from starter.stack import LOCAL_HEARTBEAT_SECONDS, Ports, Stack, StackError, holding, noted

CONFIG = Path(__file__).resolve().parents[2] / "examples" / "demo.yaml"

_MARK = "made-by-external-sync-demo"
# A dead worker is noticed after this long; the service's own default is 30 seconds.
_BRIEF = 140
_FAILURES = (CheckFailedError, ApiError, UnreachableError, SandboxError, PartFailedError, httpx.HTTPError)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what happens, and the code that does it and checks it. It returns what was seen."""

    title: str
    run: Callable[[World], str]


@dataclass(frozen=True, slots=True)
class Result:
    """How a step ended."""

    title: str
    seen: str
    held: bool
    seconds: float


def configure(world: World) -> str:
    """Apply examples/demo.yaml through the API."""
    for entry in load(CONFIG).file.integrations:
        apply(world.client, entry, lambda one: world.stack.sandbox(one.provider).credentials())
        check_again = apply(world.client, entry, lambda one: world.stack.sandbox(one.provider).credentials())
        if check_again:
            raise CheckFailedError(f"applying again should change nothing, but changes {check_again[0].text()}")
    return f"{CONFIG.name} is applied; applying it again changes nothing"


STEPS = (
    Step("Sample records", edits.seed),
    Step("Configuration", configure),
    Step("First sync", edits.first_sync),
    Step("First syncs of the other systems, all at once", others.first_syncs),
    Step("An edit each way", edits.edit_each_way),
    Step("An edit each way in every other system", others.edits_each_way),
    Step("Different fields of one record, both sides", edits.merge),
    Step("The same field: alguna_wins, external_wins, latest_wins", edits.automatic_rules),
    Step("The same field: manual", edits.manual_rule),
    Step("A burst of rate limits", trouble.rate_limits),
    Step("An expired grant", trouble.expired_grant),
    Step("A rejected value", trouble.rejected_value),
    Step("A worker killed in mid-sync", trouble.killed_worker),
    Step("Events, without a sync asked for", events.realtime),
    Step("A last sync that writes nothing", trouble.quiet),
)


def run_demo(data_dir: Path, *, keep: bool) -> int:
    """Run the scenario in a fresh data directory; returns the exit code, 0 only if every check held."""
    stop_on_signals()
    began = time.monotonic()
    data_dir = data_dir.absolute()
    results: list[Result] = []
    try:
        with holding(data_dir):
            _empty(data_dir)
            keys = load_or_make(data_dir)
            database = f"sqlite:///{data_dir}/external-sync.db"
            given = {"EXTERNAL_SYNC_DATABASE_URL": database}
            stack = Stack(data_dir, Ports().or_free(), keys, keep_sandboxes=keep, given=given)
            _introduce(stack)
            with Supervisor(stack.log_dir, say) as supervisor:
                _go(stack, supervisor, results)
                _conclude(stack, results, time.monotonic() - began, keep=keep)
                if keep:
                    _keep(stack, supervisor)
    except KeyboardInterrupt:
        say("\nStopped.")
    return 0 if len(results) == len(STEPS) + 1 and all(result.held for result in results) else 1


def _go(stack: Stack, supervisor: Supervisor, results: list[Result]) -> None:
    """Start the parts and go through the steps, until one fails."""
    with ExitStack() as closing:
        if _step("All parts start", partial(_start, stack, supervisor), results):
            world = _world(stack, supervisor, closing)
            for step in STEPS:
                if not _step(step.title, partial(step.run, world), results):
                    return


def _start(stack: Stack, supervisor: Supervisor) -> str:
    stack.start(supervisor)
    return "Temporal, sandboxes, worker and API run as processes of their own"


def _step(title: str, run: Callable[[], str], results: list[Result]) -> bool:
    _print(f"[bold]{escape(title)}[/]")
    began = time.monotonic()
    try:
        seen, held = run(), True
    except _FAILURES as error:
        seen, held = describe(error) if isinstance(error, ApiError) else str(error), False
    seconds = time.monotonic() - began
    results.append(Result(title, seen, held, seconds))
    _print(f"  {'[green]ok[/]' if held else '[red]FAILED[/]'} {escape(seen)} [dim]({seconds:.1f} s)[/]")
    return held


def _world(stack: Stack, supervisor: Supervisor, closing: ExitStack) -> World:
    alguna, salesforce = stack.sandbox("alguna"), stack.sandbox("salesforce")
    client = closing.enter_context(Client(stack.api_url, stack.keys.api_key))
    return World(
        stack=stack,
        supervisor=supervisor,
        client=client,
        alguna=alguna,
        salesforce=salesforce,
        billing=AlgunaSide(alguna),
        crm=SalesforceSide(salesforce),
        sides={one.provider: VendorSide(one, stack.sandbox(one.provider)) for one in SYSTEMS},
        say=lambda text: _print(f"  {escape(text)}"),
    )


def _introduce(stack: Stack) -> None:
    titles = ["Alguna", "Salesforce", *(one.title for one in SYSTEMS)]
    named = f"{', '.join(titles[:-1])} and {titles[-1]}"
    say(f"External Sync: the guided scenario, on local sandboxes of {named}.")
    say("Every result is read from the systems' own APIs, not from the service's store.")
    say("The sandboxes keep the vendors' rate limits, at scale 10 (ten times the published ones).")
    say("HubSpot's search index shows writes at once.")
    say(f"A silent worker is taken for dead after {LOCAL_HEARTBEAT_SECONDS} s here (30 s otherwise).")
    say(f"Logs: {stack.log_dir}\n")


def _conclude(stack: Stack, results: list[Result], seconds: float, *, keep: bool) -> None:
    """Show the table, the outcome, and where to look."""
    say("")
    rows = [[one.title, _in_brief(one.seen), "ok" if one.held else "FAILED", f"{one.seconds:.1f}"] for one in results]
    rows += [[step.title, "-", "not run", "-"] for step in STEPS[max(0, len(results) - 1) :]]
    show_table(["step", "checked on the systems themselves", "result", "seconds"], rows)
    held = all(result.held for result in results)
    say("")
    say(f"{'Every check held' if held else 'A check did not hold'}, in {seconds:.0f} s.")
    if not held:
        say(f"The parts' logs say more: {stack.log_dir}")
    say("")
    if keep:
        say("All of this keeps running:")
    else:
        say("To look around, `external-sync demo --keep` (or `make demo ARGS=--keep`) leaves all of this running:")
    say(f"  API and its documentation  {stack.api_url}/docs")
    say(f"  Temporal Web               {stack.temporal_ui_url}")
    for name, url in stack.note()["sandboxes"].items():
        say(f"  {name.capitalize():10} sandbox         {url}/_sandbox/records/accounts")


def _keep(stack: Stack, supervisor: Supervisor) -> None:
    """Leave everything running for a person to look at."""
    with noted(stack):
        say(f"  API key                    {stack.keys.api_key}")
        say(f"  Command line               EXTERNAL_SYNC_DATA_DIR={stack.data_dir} external-sync status")
        say("Ctrl-C stops everything.")
        while True:
            time.sleep(0.5)
            supervisor.watch()


def _empty(data_dir: Path) -> None:
    """Empty the demo's directory. Raises StackError for one that holds anything else."""
    mark = data_dir / _MARK
    found = [path for path in data_dir.iterdir() if path.name != "dev.lock"]
    if found and not mark.exists():
        raise StackError(f"{data_dir} holds something else than a demo; choose another --data-dir")
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    mark.touch()


def _in_brief(text: str) -> str:
    first = text.splitlines()[0] if text else ""
    return first if len(first) <= _BRIEF else f"{first[:_BRIEF]}…"


def _print(markup: str) -> None:
    if is_terminal():
        console().print(markup)
    else:
        console().print(markup, soft_wrap=True)
