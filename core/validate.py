"""Checking a whole configuration against what both systems offer, before anything is stored or started (I9)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from core import paths
from core.config import FieldMapping, IntegrationConfig, Matching, options_of_others, plan
from core.enums import Direction, MatchType, OnDelete, OnNoMatch, Transform
from core.errors import FieldValidation
from core.field_check import check_fit
from core.filter_config import check_filter
from core.mapping import to_external
from core.money import is_known_currency
from core.plan import FieldPlan
from core.problems import Problem, did_you_mean
from core.records import Entity, OperationKind, Side
from core.schedule import cron_problem, timezone_problem
from core.schema import EntitySchema, FieldSchema, WriteFacts
from core.transform_check import check_transform

Schemas = Mapping[tuple[Side, Entity], EntitySchema]
Facts = Mapping[tuple[Side, Entity], WriteFacts]

_SYSTEM = {Side.ALGUNA: "Alguna", Side.EXTERNAL: "the external system"}
_ONLY_FROM = {Side.ALGUNA: Direction.ALGUNA_TO_EXTERNAL, Side.EXTERNAL: Direction.EXTERNAL_TO_ALGUNA}
# What the engine gives new records by itself: the currency that the configuration or the provider account names.
_FILLED = {Side.ALGUNA: ("currency",), Side.EXTERNAL: ()}
_KEY = {Side.ALGUNA: "algunaField", Side.EXTERNAL: "externalField"}
# A contact is taken from its customer's list, an invoice is voided.
_ARCHIVED_IN_ALGUNA = frozenset({Entity.CONTACTS, Entity.INVOICES})


def check_config(
    config: IntegrationConfig, provider_entities: Collection[Entity], schemas: Schemas, facts: Facts
) -> list[Problem]:
    """Return everything wrong with a configuration; an empty list means that it may be stored.

    `schemas` and `facts` are keyed by side and entity. Where a side's schema is not given, its fields are not checked.
    """
    problems = [*_check_general(config), *_check_entities(config, provider_entities)]
    named = {*config.entities, *config.mappings, *config.field_rules, *config.matching}
    for entity in sorted(named & set(provider_entities), key=list(Entity).index):
        problems += _EntityCheck(config, entity, schemas, facts).problems()
    return problems


def _check_general(config: IntegrationConfig) -> Iterator[Problem]:
    if config.schedule is not None and (problem := cron_problem(config.schedule)):
        yield Problem("schedule", problem)
    if problem := timezone_problem(config.timezone):
        yield Problem("timezone", problem)
    if config.on_delete.to_alguna is OnDelete.ARCHIVE:
        yield Problem("onDelete.toAlguna", "nothing can be archived in Alguna; use ignore or unlink")
    for entity, options in config.entity_options.items():
        archives = options.on_delete is not None and options.on_delete.to_alguna is OnDelete.ARCHIVE
        if archives and entity not in _ARCHIVED_IN_ALGUNA:
            message = f"{entity.value} cannot be archived in Alguna; use ignore or unlink"
            yield Problem(f"entityOptions.{entity.value}.onDelete.toAlguna", message)
        currency = options.default_currency
        if currency is not None and not is_known_currency(currency):
            yield Problem(
                f"entityOptions.{entity.value}.defaultCurrency", f"`{currency}` is not an ISO 4217 currency code"
            )
        for option, known in options_of_others(entity, options):
            message = f"is only for {' and '.join(one.value for one in Entity if one in known)}"
            yield Problem(f"entityOptions.{entity.value}.{option}", message)


def _check_entities(config: IntegrationConfig, known: Collection[Entity]) -> Iterator[Problem]:
    offered = ", ".join(entity.value for entity in Entity if entity in known)
    for index, entity in enumerate(config.entities):
        if entity not in known:
            yield Problem(f"entities[{index}]", f"`{entity.value}` cannot be synced with this provider, only {offered}")
        elif entity in config.entities[:index]:
            yield Problem(f"entities[{index}]", f"`{entity.value}` is named twice")
        elif not config.mappings.get(entity):
            yield Problem("mappings", f"`{entity.value}` has no field mappings", entity, "mappings")
    for index, entity in enumerate(config.realtime.entities or []):
        if entity not in config.entities:
            yield Problem(f"realtime.entities[{index}]", f"`{entity.value}` is not among `entities`")
    parts: dict[str, Collection[Entity]] = {
        "mappings": config.mappings,
        "fieldRules": config.field_rules,
        "matching": config.matching,
        "entityOptions": config.entity_options,
    }
    for part, entities in parts.items():
        for entity in entities:
            if entity not in known:
                message = f"`{entity.value}` cannot be synced with this provider, only {offered}"
                yield Problem(f"{part}.{entity.value}", message)


@dataclass(frozen=True, slots=True)
class _EntityCheck:
    """The check of one entity's mappings, field rules and matching."""

    config: IntegrationConfig
    entity: Entity
    schemas: Schemas
    facts: Facts

    def problems(self) -> Iterator[Problem]:
        for field, message in self._check_mappings():
            yield Problem(field, message, self.entity, "mappings")
        for field, message in self._check_rules():
            yield Problem(field, message, self.entity, "fieldRules")
        matching = self.config.matching.get(self.entity)
        for field, message in self._check_matching(matching) if matching else ():
            yield Problem(field, message, self.entity, "matching")
        yield from self._check_filter()

    def _check_filter(self) -> Iterator[Problem]:
        options = self.config.entity_options.get(self.entity)
        if options is None or options.filter is None:
            return
        schemas = {side: self.schemas[side, self.entity] for side in Side if (side, self.entity) in self.schemas}
        facts = {side: self.facts[side, self.entity] for side in Side if (side, self.entity) in self.facts}
        for place, message in check_filter(options.filter, schemas, facts, self.config.direction):
            yield Problem(f"entityOptions.{self.entity.value}.filter.{place}", message)

    def _mappings(self) -> list[FieldMapping]:
        return self.config.mappings.get(self.entity, [])

    def _types(self, side: Side) -> dict[str, str]:
        schema = self.schemas.get((side, self.entity))
        return schema.types(_name(side, mapping) for mapping in self._mappings()) if schema else {}

    def _check_mappings(self) -> Iterator[tuple[str, str]]:
        compiled = plan(
            self.config,
            self.entity,
            marker=None,
            parent=None,
            external_types=self._types(Side.EXTERNAL),
            alguna_types=self._types(Side.ALGUNA),
        )
        written: dict[str, int] = {}
        keys: dict[str, int] = {}
        for index, (mapping, field) in enumerate(zip(self._mappings(), compiled.fields, strict=True)):
            place = f"mappings[{index}]"
            for side in Side:
                if message := self._relation_problem(side, mapping) or self._field_problem(side, mapping):
                    yield f"{place}.{_KEY[side]}", message
            unfit = [*check_transform(field, direction=mapping.direction), *_check_default(field)]
            for key, message in unfit or check_fit(field, self._sides()):
                yield f"{place}.{key}", message
            first = keys.setdefault(mapping.alguna_field, index)
            if first != index:
                yield f"{place}.algunaField", f"`{mapping.alguna_field}` is mapped twice, see mappings[{first}]"
            if mapping.direction.allows(Side.EXTERNAL):
                first = written.setdefault(mapping.external_field, index)
                if first != index:
                    yield (
                        f"{place}.externalField",
                        f"`{mapping.external_field}` would be written twice, see mappings[{first}]",
                    )
        yield from self._check_required()
        yield from self._check_marker()

    def _relation_problem(self, side: Side, mapping: FieldMapping) -> str | None:
        """A reference to the parent holds another id on each side: it is translated through the parents' links."""
        facts, name = self.facts.get((side, self.entity)), _name(side, mapping)
        if facts is None or facts.parent is None or name != facts.parent:
            return None
        return f"`{name}` says which record this one belongs to; relations are kept by themselves: leave it out"

    def _field_problem(self, side: Side, mapping: FieldMapping) -> str | None:
        """Say why a mapping cannot use its field on this side, as its own direction asks."""
        schema = self.schemas.get((side, self.entity))
        name = _name(side, mapping)
        try:
            paths.check(name)
        except FieldValidation as error:
            return error.message
        if schema is None:
            return None
        field = schema.field(name)
        if field is None:
            return f"{_SYSTEM[side]} has no field `{name}` on {schema.object_name}" + did_you_mean(name, schema.fields)
        return _write_problem(side, schema, field, mapping) if mapping.direction.allows(side) else None

    def _sides(self) -> dict[Side, EntitySchema | None]:
        return {side: self.schemas.get((side, self.entity)) for side in Side}

    def _check_required(self) -> Iterator[tuple[str, str]]:
        """Creating on a side needs every field that it requires."""
        matching = self.config.matching.get(self.entity)
        if matching is not None and matching.on_no_match is OnNoMatch.SKIP:
            return
        for side in Side:
            schema, facts = self.schemas.get((side, self.entity)), self.facts.get((side, self.entity))
            if not schema or not facts or OperationKind.CREATE not in facts.kinds:
                continue
            if not self.config.direction.allows(side):
                continue
            written = {_name(side, item) for item in self._mappings() if item.direction.allows(side)}
            filled = {facts.marker, facts.parent, *_FILLED[side], *written, *facts.option_fields.values()}
            for name, field in schema.fields.items():
                if field.required and not field.read_only and name not in filled:
                    yield "mappings", f"`{name}` is required to create {schema.object_name}, but no mapping writes it"

    def _check_marker(self) -> Iterator[tuple[str, str]]:
        """Writing to the external system needs the field by which our own records are known again (I2)."""
        schema, facts = self.schemas.get((Side.EXTERNAL, self.entity)), self.facts.get((Side.EXTERNAL, self.entity))
        marker = facts.marker if facts else None
        if schema is None or marker is None or not self.config.direction.allows(Side.EXTERNAL):
            return
        if schema.field(marker) is None:
            message = (
                f"{schema.object_name} has no `{marker}`, which carries Alguna's id: add it to {_SYSTEM[Side.EXTERNAL]}"
            )
            yield "mappings", f"{message} as a text field with unique values, or let the connected user see it"

    def _check_rules(self) -> Iterator[tuple[str, str]]:
        mapped = {item.alguna_field for item in self._mappings()}
        seen: set[str] = set()
        for index, rule in enumerate(self.config.field_rules.get(self.entity, [])):
            place = f"rules[{index}].algunaField"
            if rule.alguna_field not in mapped:
                yield place, f"`{rule.alguna_field}` is not mapped" + did_you_mean(rule.alguna_field, mapped)
            elif rule.alguna_field in seen:
                yield place, f"`{rule.alguna_field}` has two rules"
            seen.add(rule.alguna_field)

    def _check_matching(self, matching: Matching) -> Iterator[tuple[str, str]]:
        facts = self.facts.get((Side.EXTERNAL, self.entity))
        for index, rule in enumerate(matching.rules):
            names = {Side.ALGUNA: rule.alguna_field, Side.EXTERNAL: rule.external_field}
            for side, name in names.items():
                schema = self.schemas.get((side, self.entity))
                marked = side is Side.EXTERNAL and facts is not None and name == facts.marker
                if side is Side.ALGUNA and rule.type is MatchType.EXTERNAL_ID:
                    if name != "id":
                        yield f"rules[{index}].algunaField", "an external_id rule compares Alguna's `id`"
                elif schema and not marked and schema.field(name) is None:
                    message = f"{_SYSTEM[side]} has no field `{name}` on {schema.object_name}"
                    yield f"rules[{index}].{_KEY[side]}", message + did_you_mean(name, schema.fields)


def _name(side: Side, mapping: FieldMapping) -> str:
    return mapping.alguna_field if side is Side.ALGUNA else mapping.external_field


def _write_problem(side: Side, schema: EntitySchema, field: FieldSchema, mapping: FieldMapping) -> str | None:
    if field.read_only:
        message = f"`{field.name}` is read-only in {_SYSTEM[side]}; use the direction {_ONLY_FROM[side].value}"
        # `contacts[isPrimary=true].email` is read; a customer's `email` is written.
        leaf = field.name.rpartition(".")[2]
        plain = schema.fields.get(leaf) if "[" in field.name else None
        return message if plain is None or plain.read_only else f"{message}, or map `{leaf}`, which can be written"
    if field.create_only and not mapping.write_once:
        return f"`{field.name}` can only be set when the record is created in {_SYSTEM[side]}; add writeOnce: true"
    return None


def _check_default(field: FieldPlan) -> Iterator[tuple[str, str]]:
    # A custom function may need its record, which is not there yet.
    if field.default is None or not field.flows_to(Side.EXTERNAL) or field.transform is Transform.CUSTOM:
        return
    try:
        to_external(field, None)
    except FieldValidation as error:
        yield "default", f"{error.message} (a default is in Alguna's form)"
