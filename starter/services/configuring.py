"""Configuring an integration: everything is checked, against both systems too, before anything is stored (I9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError

from connectors.registry import provider_spec
from core.config import FieldMapping, FieldMappings, FieldResolution, IntegrationConfig, Matching
from core.errors import SyncError
from core.problems import Problem, problems_of
from core.records import Entity
from core.validate import check_config
from starter.services.affecting import affects
from starter.services.backend import Backend
from starter.services.options import with_options
from starter.services.refusals import Invalid, Missing
from starter.services.steering import tell_ended
from starter.services.systems import describe
from store import conflicts
from store.tables.connections import Integration
from store.types import utc_now

JsonObject = dict[str, Any]


async def stored(backend: Backend, integration: Integration) -> tuple[int, IntegrationConfig]:
    """Return the active configuration with its version. Raises Missing when there is none yet."""
    found = await backend.configs.current(integration.id)
    if found is None:
        raise Missing(f"{integration.id} has no sync-config yet; POST /integrations/{integration.id}/sync-config first")
    return found[0], IntegrationConfig.model_validate(found[1])


@dataclass(frozen=True, slots=True)
class Saved:
    """A stored configuration: its version, its document, and whom the change touches (empty: nobody)."""

    version: int
    document: JsonObject
    affects: JsonObject


async def replace(
    backend: Backend, integration: Integration, given: IntegrationConfig, *, preview: bool = False
) -> Saved:
    """Store a configuration; a preview stores nothing and has the version that is in force.

    Of an entity whose mappings, rules or matching are not given, those stored before stay; else the provider's
    templates are taken.
    """
    found = await backend.configs.current(integration.id)
    known = IntegrationConfig.model_validate(found[1]) if found else None
    return await _store(backend, integration, _expand(integration.provider, given, known), known, preview)


async def change(
    backend: Backend, integration: Integration, patch: Mapping[str, Any], *, preview: bool = False
) -> Saved:
    """Change single keys (JSON Merge Patch, RFC 7396: null restores the default) and return as `replace`."""
    _, known = await stored(backend, integration)
    merged = _merge(document_of(known), patch)
    try:
        given = IntegrationConfig.model_validate(merged)
    except ValidationError as error:
        raise Invalid(*problems_of(error, IntegrationConfig)) from error
    return await _store(backend, integration, _expand(integration.provider, given, known), known, preview)


async def disable(backend: Backend, integration: Integration) -> None:
    """Disable the sync. Raises Missing when there is no configuration."""
    _, known = await stored(backend, integration)
    await _store(backend, integration, known.model_copy(update={"enabled": False}), known)


async def replace_part(
    backend: Backend,
    integration: Integration,
    given: FieldMappings | FieldResolution | Matching,
    *,
    preview: bool = False,
) -> Saved:
    """Replace one entity's mappings, field rules or matching; the document that is returned is that part.

    Problems are named by their path in this part; those of other parts by their path in the whole configuration.
    """
    _, known = await stored(backend, integration)
    section, name, value = _PARTS[type(given)](given)
    parts = {**getattr(known, name), given.entity: value}
    config = known.model_copy(update={name: parts})
    try:
        saved = await _store(backend, integration, config, known, preview)
    except Invalid as refused:
        raise Invalid(*(_within(problem, given.entity, section) for problem in refused.problems)) from refused
    return dataclasses.replace(saved, document=plain(given))


async def assumed(backend: Backend, integration: Integration, entity: Entity) -> IntegrationConfig:
    """Return the stored configuration; where it says nothing of an entity, the provider's templates for it.

    Raises Invalid for an entity that the provider has not.
    """
    offered = provider_spec(integration.provider).entities
    if entity not in offered:
        known = ", ".join(one.value for one in offered)
        raise Invalid(Problem("entity", f"`{entity.value}` cannot be synced with this provider, only {known}"))
    found = await backend.configs.current(integration.id)
    config = IntegrationConfig.model_validate(found[1]) if found else IntegrationConfig(entities=[entity])
    wanted = config.model_copy(update={"entities": [*config.entities, entity]})
    return _expand(integration.provider, wanted, config).model_copy(update={"entities": config.entities})


async def part_problems(
    backend: Backend, integration: Integration, config: IntegrationConfig, entity: Entity, section: str
) -> list[Problem]:
    """Return what is wrong with one part of a configuration, by its path in the body that sets it."""
    found = await _check(backend, integration, config)
    return [_within(one, entity, section) for one in found if one.entity is entity and one.section == section]


_PARTS: dict[type[BaseModel], Any] = {
    FieldMappings: lambda given: ("mappings", "mappings", given.mappings),
    FieldResolution: lambda given: ("fieldRules", "field_rules", given.rules),
    Matching: lambda given: ("matching", "matching", given),
}


async def mappings(backend: Backend, integration: Integration, entity: Entity) -> JsonObject:
    """Return one entity's mappings as `replace_part` takes them."""
    _, config = await stored(backend, integration)
    return plain(FieldMappings(entity=entity, mappings=config.mappings.get(entity, [])))


async def field_rules(backend: Backend, integration: Integration, entity: Entity) -> JsonObject:
    """Return one entity's field rules as `replace_part` takes them."""
    _, config = await stored(backend, integration)
    return plain(FieldResolution(entity=entity, rules=config.field_rules.get(entity, [])))


async def matching(backend: Backend, integration: Integration, entity: Entity) -> JsonObject:
    """Return one entity's matching as `replace_part` takes it."""
    _, config = await stored(backend, integration)
    return plain(config.matching.get(entity) or Matching(entity=entity, rules=[]))


def document_of(config: IntegrationConfig) -> JsonObject:
    """Return a configuration as it is stored: one text for one meaning, so that a version is a real change."""
    return plain(config)


def plain(model: BaseModel) -> JsonObject:
    """Return a model's JSON object with exact numbers, whole ones as integers."""
    found: JsonObject = exact(model.model_dump(by_alias=True))
    return found


def exact(value: Any) -> Any:
    """Return JSON with exact numbers, whole ones as integers."""
    if isinstance(value, Mapping):
        return {str(key): exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, float | Decimal):
        number = Decimal(str(value))
        return int(number) if number == number.to_integral_value() else number
    return str(value) if isinstance(value, str) else value


def _expand(provider: str, given: IntegrationConfig, known: IntegrationConfig | None) -> IntegrationConfig:
    spec = provider_spec(provider)
    templates, rules = spec.templates(), spec.match_rules()
    found = dict(known.mappings) if known else {}
    matched = dict(known.matching) if known else {}
    found.update(given.mappings)
    matched.update(given.matching)
    for entity in given.entities:
        if entity not in found and entity in templates:
            found[entity] = [FieldMapping.model_validate(item) for item in templates[entity]]
        if entity not in matched and entity in rules:
            matched[entity] = Matching.model_validate({"entity": entity, "rules": rules[entity]})
    kept = known.field_rules if known else {}
    return given.model_copy(
        update={"mappings": found, "matching": matched, "field_rules": {**kept, **given.field_rules}}
    )


def _merge(document: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            # Half a condition means nothing: a filter is replaced as a whole.
            merged[key] = value if key == "filter" else _merge(merged.get(key), value)
    return merged


async def _store(
    backend: Backend,
    integration: Integration,
    config: IntegrationConfig,
    known: IntegrationConfig | None,
    preview: bool = False,
) -> Saved:
    schedules = backend.schedules
    # Switching off must work when a system is out of reach, too.
    switched_off = known is not None and not config.enabled and config == known.model_copy(update={"enabled": False})
    problems = [] if switched_off else await _check(backend, integration, config)
    if not switched_off:
        config, lacking = await with_options(backend, integration, config)
        problems += lacking
    if problems:
        raise Invalid(*problems)
    document, touched = document_of(config), await affects(backend, integration, known, config)
    if preview:
        found = await backend.configs.current(integration.id)
        return Saved(found[0] if found else 0, document, touched)
    version = await backend.configs.save(integration.id, document)
    await backend.connections.set_enabled(integration.id, config.enabled)
    async with backend.db.transaction() as session:
        left = await conflicts.leave(session, integration.id, config.entities, utc_now())
    for entity, conflict_id in left:
        await tell_ended(backend, integration.id, entity, [conflict_id])
    # Should this fail, the answer says so; the same call again, or the next start, aligns the Schedule.
    await schedules.apply(integration.id, integration.provider, document, paused=integration.paused)
    return Saved(version, document, touched)


async def _check(backend: Backend, integration: Integration, config: IntegrationConfig) -> list[Problem]:
    offered = provider_spec(integration.provider).entities
    named = {*config.entities, *config.mappings, *config.field_rules, *config.matching}
    try:
        described = await describe(backend, integration, sorted(named & set(offered)))
    except SyncError:
        # What is wrong in itself is said even when the systems cannot be asked.
        alone = check_config(config, offered, {}, {})
        if not alone:
            raise
        return alone
    return check_config(config, offered, described.schemas, described.facts)


def _within(problem: Problem, entity: Entity, section: str) -> Problem:
    """The problem by its path in the body that sets one entity's part."""
    if problem.entity is entity and problem.section == section:
        return Problem(problem.field, problem.message)
    return Problem(problem.path, problem.message)
