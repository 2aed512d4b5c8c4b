"""The entity options that a provider cannot do without: found where there is no choice, else named (ADR 10)."""

from __future__ import annotations

from connectors.protocols import Connector, Need, NeedsOptions
from connectors.registry import provider_spec
from core.config import EntityOptions, IntegrationConfig, given_options, plan
from core.problems import Problem
from core.records import Entity, Side
from core.values import Value, dump_json
from starter.services.backend import Backend
from starter.services.systems import connected
from store.tables.connections import Integration

SHOWN = 10
"""How many of an option's candidates an error lists."""


async def with_options(
    backend: Backend, integration: Integration, config: IntegrationConfig
) -> tuple[IntegrationConfig, list[Problem]]:
    """Return the configuration with the options that the provider needs and of which it has one value only.

    The problems name what is needed beyond that, or wrong. Raises SyncError when the provider cannot be asked.
    """
    offered = provider_spec(integration.provider).entities
    asked = [entity for entity in config.entities if entity in offered]
    if not asked:
        return config, []
    options, problems = dict(config.entity_options), list[Problem]()
    async with connected(backend, integration) as sides:
        external = sides[Side.EXTERNAL]
        for entity in asked:
            own = options.get(entity, EntityOptions())
            found, lacking = await _complete(external, config, entity, own)
            problems += lacking
            if found != own:
                options[entity] = found
    return config.model_copy(update={"entity_options": options}), problems


async def _complete(
    external: Connector, config: IntegrationConfig, entity: Entity, own: EntityOptions
) -> tuple[EntityOptions, list[Problem]]:
    if not isinstance(external, NeedsOptions):
        return own, []
    given = given_options(own)
    creates = Side.EXTERNAL in plan(config, entity, marker=None, parent=None).can_create
    found, problems = own.model_dump(by_alias=True), list[Problem]()
    for need in await external.needs(entity, given, creates):
        if need.option not in given and len(need.candidates) == 1:
            found[need.option] = need.candidates[0].value
        else:
            problems.append(Problem(f"entityOptions.{entity.value}.{need.option}", _message(need)))
    return EntityOptions.model_validate(found), problems


def _message(need: Need) -> str:
    """The reason, and what could be chosen."""
    shown = need.candidates[:SHOWN]
    listed = ", ".join(f"`{_written(one.value)}` ({one.label})" for one in shown)
    more = f" and {len(need.candidates) - SHOWN} more" if len(need.candidates) > SHOWN else ""
    return f"{need.reason}; it can be {listed}{more}" if shown else need.reason


def _written(value: Value) -> str:
    """A value as a body or a file of the configuration holds it, without what need not be said."""
    if isinstance(value, dict):
        return dump_json({name: part for name, part in value.items() if part not in (None, {})})
    return str(value)
