"""The demo's steps about trouble: rate limits, a dead grant, a refused value, a killed worker; and a quiet end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starter.demo import others
from starter.demo.agreement import check_accounts, check_contacts, check_subscriptions
from starter.demo.world import COMPANIES, INTEGRATION, SEED, World, check, check_same, wait_for
from starter.sandboxes import Sandbox

_MORE_COMPANIES = 40
_SLOW_MS = 1500
_DATA = "^/services/data/"
_COLLECTIONS = "/composite/sobjects"
_TOKENS = "oauth2"


def rate_limits(world: World) -> str:
    """Both systems refuse calls for a while; the sync waits as told and ends well."""
    ours, theirs = world.next_account(), world.next_account()
    _clear_calls(world)
    world.alguna.fault(None, "^/customers", "rate_limit", times=4, retry_after=1)
    world.salesforce.fault(None, _DATA, "rate_limit", times=2, retry_after=1)
    world.say("Alguna answers 429 four times, Salesforce REQUEST_LIMIT_EXCEEDED twice")
    world.alguna.edit("accounts", ours.alguna_id, {"name": f"{ours.name} Patient"})
    world.salesforce.edit("accounts", theirs.external_id, {"Name": f"{theirs.name} Patient"})
    world.sync("accounts")
    refused = _refused(world.alguna, 429), _refused(world.salesforce, 403)
    world.alguna.clear_faults()
    world.salesforce.clear_faults()
    check(refused[0] >= 4 and refused[1] >= 2, f"the limits should have been met, but refused calls are {refused}")
    check_same("the name from Alguna", f"{ours.name} Patient", Salesforce=world.crm.account(ours.external_id)["Name"])
    check_same(
        "the name from Salesforce", f"{theirs.name} Patient", Alguna=world.billing.customer(theirs.alguna_id)["name"]
    )
    return f"{refused[0]} + {refused[1]} refused calls were waited out, no run failed, both edits arrived"


def expired_grant(world: World) -> str:
    """Salesforce revokes the grant: the sync pauses, says so, and goes on after a reconnect."""
    pair = world.next_account()
    world.salesforce.auth("revoke_grant")
    world.alguna.edit("accounts", pair.alguna_id, {"name": f"{pair.name} Reconnected"})
    started = world.client.start_sync(INTEGRATION, ["accounts"])
    world.reaches(started["syncId"], {"paused", "failed", "completed", "completed_with_errors"})
    state = world.client.sync_state(INTEGRATION)
    connections = state["connection"]
    world.say(f"status: {state['status']}; Alguna {connections['alguna']}, Salesforce {connections['external']}")
    check_same(
        "the status",
        "paused",
        sync=world.client.run(INTEGRATION, started["syncId"])["status"],
        integration=state["status"],
    )
    check_same("Salesforce's connection", "auth_expired", **{"the API": connections["external"]})
    world.say("somebody gives Salesforce's consent anew, and reconnects")
    world.client.reconnect(INTEGRATION, world.salesforce.credentials())
    world.crm.log_in()
    world.ended(started["syncId"])
    check_same("the name", f"{pair.name} Reconnected", Salesforce=world.crm.account(pair.external_id)["Name"])
    after = world.client.sync_state(INTEGRATION)["connection"]["external"]
    check_same("Salesforce's connection", "connected", **{"the API": after})
    return "the same run paused, went on after the reconnect, and the edit arrived"


def rejected_value(world: World) -> str:
    """Salesforce refuses a value: it waits in the error inbox until it is corrected and retried."""
    pair = world.next_account()
    message = "Account names have no number sign."
    rule = {"sobject": "Account", "field": "Name", "pattern": "[^#]*", "message": message}
    world.salesforce.edit("setup", "org", {"validationRules": [rule]})
    world.say(f"Salesforce allows no # in names; in Alguna, {pair.name} gets one")
    world.alguna.edit("accounts", pair.alguna_id, {"name": f"{pair.name} #2"})
    world.sync("accounts", expect="completed_with_errors")
    check_same("the name", pair.name, Salesforce=world.crm.account(pair.external_id)["Name"])
    found = [one for one in world.client.errors(INTEGRATION) if one.get("algunaId") == pair.alguna_id]
    check(len(found) == 1, f"one error should be open for the record, but {len(found)} are")
    error = found[0]
    world.say(f"error inbox: {error['type']} of {error['field']}: {error['message']}")
    check_same("the error's type", "field_validation", **{"the API": error["type"]})
    check(message in error["message"], f"the error should tell Salesforce's reason, but says: {error['message']}")
    world.say("somebody corrects the name in Alguna, and retries")
    world.alguna.edit("accounts", pair.alguna_id, {"name": f"{pair.name} No. 2"})
    retried = world.client.retry_errors(INTEGRATION, errorIds=[error["id"]])
    world.ended(retried["syncId"])
    check_same("the name", f"{pair.name} No. 2", Salesforce=world.crm.account(pair.external_id)["Name"])
    check(not world.client.errors(INTEGRATION), "the error inbox should be empty again")
    return "the refusal was shown with its field and reason; corrected and retried, it arrived"


def killed_worker(world: World) -> str:
    """The worker is killed while Salesforce works on its request; another goes on, and nothing is made twice."""
    world.alguna.seed("accounts", _MORE_COMPANIES, seed=SEED, offset=COMPANIES + others.own_companies())
    _clear_calls(world)
    world.salesforce.behaviour(latencyMs=_SLOW_MS)
    started = world.client.start_sync(INTEGRATION, ["accounts"])
    wait_for("the worker to send new accounts", lambda: _sent(world.salesforce), 30)
    pid = world.supervisor.kill("worker")
    world.salesforce.behaviour(latencyMs=0)
    world.say(f"worker {pid} is killed (SIGKILL) while its request with new accounts is under way")
    status = world.client.run(INTEGRATION, started["syncId"])["status"]
    check_same("the status without a worker", "running", **{"the API": status})
    world.supervisor.restart("worker")
    world.say(f"worker {world.supervisor.pid('worker')} starts; the run goes on when the dead one's silence is noticed")
    world.ended(started["syncId"])
    number = check_accounts(world)
    expected = COMPANIES + others.own_companies() + _MORE_COMPANIES
    check_same("the number of companies", expected, **{"both systems": number})
    return f"the same run ended well; all {number} companies are in both systems, none twice"


def quiet(world: World) -> str:
    """When the edits have stopped, one sync brings agreement, and the next one writes nothing."""
    world.sync()
    elsewhere = others.quiet(world)
    world.sync()
    _clear_calls(world)
    world.sync()
    written = [*_writes(world.alguna), *_writes(world.salesforce), *elsewhere]
    check(not written, f"nothing should be written, but was: {written}")
    calls = len(world.alguna.calls()), len(world.salesforce.calls())
    counts = check_accounts(world), check_contacts(world), check_subscriptions(world)
    check(not world.client.errors(INTEGRATION), "an error is open")
    check(not world.client.conflicts(INTEGRATION), "a conflict is open")
    return (
        f"nothing written in {calls[0]} + {calls[1]} calls;"
        f" {counts[0]} accounts, {counts[1]} contacts, {counts[2]} subscriptions agree"
    )


def _clear_calls(world: World) -> None:
    world.alguna.clear_calls()
    world.salesforce.clear_calls()


def _refused(system: Sandbox, status: int) -> int:
    return sum(call["status"] == status for call in system.calls())


def _sent(salesforce: Sandbox) -> bool:
    return any(
        call["path"].endswith(_COLLECTIONS) and call["method"] in ("POST", "PATCH") for call in salesforce.calls()
    )


def _writes(system: Sandbox) -> list[str]:
    """The calls that write: neither tokens, nor Salesforce's read of many ids, which is a POST."""
    counted: Counter[str] = Counter(f"{call['method']} {call['path']}" for call in system.calls() if _is_write(call))
    return [f"{number}x {call}" for call, number in counted.items()]


def _is_write(call: dict[str, Any]) -> bool:
    reads_ids = call["method"] == "POST" and f"{_COLLECTIONS}/" in call["path"]
    return call["method"] not in ("GET", "HEAD") and _TOKENS not in call["path"] and not reads_ids
