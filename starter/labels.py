"""What the workflows started here are found by in Temporal Web."""

from __future__ import annotations

from temporalio.common import SearchAttributePair, TypedSearchAttributes

from runtime.temporal import SEARCH_ATTRIBUTES


def search_attributes(
    integration_id: str, provider: str, *, entity: str | None = None, trigger: str | None = None
) -> TypedSearchAttributes:
    """Return the search attributes of a workflow. The last of them, the outcome, is the workflow's own to set."""
    values = (integration_id, provider, entity, trigger, None)
    pairs = zip(SEARCH_ATTRIBUTES, values, strict=True)
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in pairs if value is not None])
