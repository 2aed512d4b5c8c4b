"""The demo's step about events: what a vendor tells at once is seen on the other side at once."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from starter.demo.world import INTEGRATION, World, check, wait_for

_SOON_SECONDS = 20.0
_REALTIME = {"enabled": True, "entities": ["accounts", "subscriptions"], "coalesceSeconds": 0}


def realtime(world: World) -> str:
    """Both systems send their events; an edit on either side is seen on the other without a sync asked for."""
    _listen(world)
    pair = world.next_account()
    name = f"{pair.name} At Once"
    began = time.monotonic()
    world.salesforce.edit("accounts", pair.external_id, {"Name": name})
    wait_for(
        "Alguna to show an edit made in Salesforce",
        lambda: world.billing.customer(pair.alguna_id)["name"] == name,
        _SOON_SECONDS,
    )
    inwards = time.monotonic() - began
    opportunity = next(one for one in world.crm.opportunities() if one["Alguna_Subscription_ID__c"])
    title = f"{opportunity['Name']} At Once"
    began = time.monotonic()
    world.alguna.edit("subscriptions", opportunity["Alguna_Subscription_ID__c"], {"name": title})
    wait_for(
        "Salesforce to show an edit made in Alguna",
        lambda: any(one["Id"] == opportunity["Id"] and one["Name"] == title for one in world.crm.opportunities()),
        _SOON_SECONDS,
    )
    outwards = time.monotonic() - began
    runs = _stop(world)
    check(runs > 0, "the history should show syncs with the trigger `realtime`")
    return f"Salesforce to Alguna in {inwards:.1f} s, Alguna to Salesforce in {outwards:.1f} s, {runs} syncs by events"


def _listen(world: World) -> None:
    """Give both sandboxes the addresses of the receivers, and let their events be taken."""
    receiver = world.client.call("POST", f"/integrations/{INTEGRATION}/webhook-secret", {})
    world.client.call("PATCH", f"/integrations/{INTEGRATION}/sync-config", {"realtime": _REALTIME})
    path = urlsplit(receiver["url"]).path
    world.salesforce.send_webhooks(f"{world.stack.api_url}{path}", receiver["secret"])
    world.alguna.send_webhooks(f"{world.stack.api_url}/webhooks/alguna", world.alguna.credentials()["webhookSecret"])


def _stop(world: World) -> int:
    """Stop the events, wait for the syncs that they started, and return how many those were."""
    world.client.call("PATCH", f"/integrations/{INTEGRATION}/sync-config", {"realtime": {"enabled": False}})
    for sandbox in (world.salesforce, world.alguna):
        sandbox.send_webhooks(None, "")
    found = world.client.history(INTEGRATION, 100, trigger="realtime")
    for run in found:
        world.ended(run["syncId"])
    return len(found)
