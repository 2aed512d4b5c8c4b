"""What the workflows started here are found by in Temporal Web, and by what they take turns."""

from __future__ import annotations

from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes

from runtime.temporal import SEARCH_ATTRIBUTES


def search_attributes(
    integration_id: str, provider: str, *, entity: str | None = None, trigger: str | None = None
) -> TypedSearchAttributes:
    """Return the search attributes of a workflow. The last of them, the outcome, is the workflow's own to set."""
    values = (integration_id, provider, entity, trigger, None)
    pairs = zip(SEARCH_ATTRIBUTES, values, strict=True)
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in pairs if value is not None])


def fair(integration_id: str) -> Priority:
    """Return the priority of a workflow: one integration's backlog takes its turn with the others' (I11)."""
    return Priority(fairness_key=integration_id)
