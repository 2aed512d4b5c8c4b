"""How activities are called: time-outs, heartbeats and retries, each with its reason; and the search attributes.

Time-outs of one HTTP call (below 25 s) are shorter than the heartbeat time-out, so that a worker that lives is never
taken for dead while it waits for a vendor.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypedDict

from temporalio.common import Priority, RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from activities.contracts import Mode, PassRef
from core import names

INTEGRATION = SearchAttributeKey.for_keyword(names.SEARCH_INTEGRATION)
PROVIDER = SearchAttributeKey.for_keyword(names.SEARCH_PROVIDER)
ENTITY = SearchAttributeKey.for_keyword(names.SEARCH_ENTITY)
TRIGGER = SearchAttributeKey.for_keyword(names.SEARCH_TRIGGER)
OUTCOME = SearchAttributeKey.for_keyword(names.SEARCH_OUTCOME)


class CallOptions(TypedDict, total=False):
    """The options of an activity call."""

    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


_URGENCY = {Mode.INBOX: 2, Mode.INCREMENTAL: 3, Mode.FULL: 4}
"""What somebody waits for goes before what reads everything (1 is the most urgent, 5 the least)."""


def fair(integration_id: str) -> Priority:
    """The priority of a workflow: one integration's backlog takes its turn with the others' (I11).

    Activities inherit it where they have none of their own.
    """
    return Priority(fairness_key=integration_id)


def step_options(of: PassRef) -> CallOptions:
    """The options of a pass's fetch, match, transform and write. A dead worker is noticed by its missing heartbeats."""
    retry_seconds = min(15.0, of.heartbeat_seconds / 2)
    return {
        # A chunk of 1,000 single writes at a vendor's slow pace fits; what was done is stored, so a retry only goes on.
        "start_to_close_timeout": timedelta(minutes=30),
        "heartbeat_timeout": timedelta(seconds=of.heartbeat_seconds),
        "priority": Priority(priority_key=_URGENCY[of.mode], fairness_key=of.integration_id),
        # Passing failures are retried for about an hour; rate limits bring their own delay. A pass that still fails is
        # shown as failed, and the next one settles and goes on where it stood.
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=min(1.0, retry_seconds)),
            backoff_coefficient=2.0,
            maximum_interval=timedelta(seconds=retry_seconds),
            maximum_attempts=250,
        ),
    }


def bookkeeping(heartbeat_seconds: float) -> CallOptions:
    """The options of steps of a few store statements or signals."""
    return {
        "start_to_close_timeout": timedelta(seconds=30),
        "heartbeat_timeout": timedelta(seconds=heartbeat_seconds),
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=min(1.0, heartbeat_seconds / 2)), maximum_interval=timedelta(minutes=1)
        ),
    }


def poll_options() -> CallOptions:
    """The options of a look: it stops by itself after a slice of reading; the next goes on where it stood."""
    return {
        "start_to_close_timeout": timedelta(minutes=3),
        "heartbeat_timeout": timedelta(seconds=30),
        "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(minutes=5)),
    }


DELIVERY: CallOptions = {
    # One call of at most 15 seconds. Each failure brings its own delay; a worker that dies costs a minute.
    "start_to_close_timeout": timedelta(seconds=60),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=5), maximum_interval=timedelta(hours=1)),
}


def search_attributes(
    integration_id: str, provider: str, entity: str | None = None, trigger: str | None = None
) -> TypedSearchAttributes:
    """The search attributes with which a workflow of ours starts."""
    pairs = [SearchAttributePair(INTEGRATION, integration_id), SearchAttributePair(PROVIDER, provider)]
    if entity is not None:
        pairs.append(SearchAttributePair(ENTITY, entity))
    if trigger is not None:
        pairs.append(SearchAttributePair(TRIGGER, trigger))
    return TypedSearchAttributes(pairs)
