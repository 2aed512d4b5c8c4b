"""What a change of the configuration touches, entity by entity. Pure: versions in, names of fields and parts out."""

from __future__ import annotations

from dataclasses import dataclass

from core.config import EntityOptions, IntegrationConfig, plan
from core.plan import EntityPlan, FieldPlan
from core.records import Entity


@dataclass(frozen=True, slots=True)
class EntityChange:
    """What differs for one entity. Fields are named by their Alguna field.

    `added` are newly mapped, `reshaped` are carried in another way or direction than before, `remapped` have another
    partner field; `ruled` have another conflict rule.
    """

    entity: Entity
    added: frozenset[str] = frozenset()
    reshaped: frozenset[str] = frozenset()
    remapped: frozenset[str] = frozenset()
    ruled: frozenset[str] = frozenset()
    matching: bool = False
    filter: bool = False

    @property
    def mapped(self) -> frozenset[str]:
        """The fields that a sync of all linked records may bring to another value."""
        return self.added | self.reshaped | self.remapped

    @property
    def needs_reading(self) -> bool:
        """Whether all records must be read to carry the change out, not only those with an open question."""
        return bool(self.mapped) or self.matching or self.filter

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return self.needs_reading or bool(self.ruled)


def compare(old: IntegrationConfig, new: IntegrationConfig) -> list[EntityChange]:
    """Return what differs for the entities that both versions sync; parents before children."""
    both = [entity for entity in Entity if entity in old.entities and entity in new.entities]
    return [change for entity in both if (change := _compare(old, new, entity))]


def remapped_fields(old: IntegrationConfig, new: IntegrationConfig, entity: Entity) -> frozenset[str]:
    """The fields whose partner field is another one: what is known of the old one says nothing of the new one."""
    before, after = _by_field(_plan(old, entity)), _by_field(_plan(new, entity))
    return frozenset(
        name for name in before.keys() & after.keys() if before[name].external_field != after[name].external_field
    )


def _compare(old: IntegrationConfig, new: IntegrationConfig, entity: Entity) -> EntityChange:
    first, then = _plan(old, entity), _plan(new, entity)
    before, after = _by_field(first), _by_field(then)
    kept = before.keys() & after.keys()
    remapped = remapped_fields(old, new, entity)
    return EntityChange(
        entity,
        added=frozenset(after.keys() - before.keys()),
        reshaped=frozenset(name for name in kept - remapped if _shape(before[name]) != _shape(after[name])),
        remapped=remapped,
        ruled=frozenset(name for name in kept if before[name].strategy is not after[name].strategy),
        matching=first.matching != then.matching or first.can_create != then.can_create,
        filter=_options(old, entity).filter != _options(new, entity).filter,
    )


def _plan(config: IntegrationConfig, entity: Entity) -> EntityPlan:
    return plan(config, entity, marker=None, parent=None)


def _by_field(compiled: EntityPlan) -> dict[str, FieldPlan]:
    return {item.alguna_field: item for item in compiled.fields}


def _shape(item: FieldPlan) -> tuple[object, ...]:
    rules = (item.required, item.write_once, item.fill_empty_only)
    return (item.direction, item.transform, dict(item.options), item.default, rules)


def _options(config: IntegrationConfig, entity: Entity) -> EntityOptions:
    return config.entity_options.get(entity) or EntityOptions()
