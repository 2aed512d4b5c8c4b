"""The configuration of an integration: what people send, what is stored, and the plan it compiles to.

Keys are camelCase in JSON and snake_case in Python; unknown keys are refused. `SyncConfig` is the body of the
sync-config call, `IntegrationConfig` what is stored and versioned: the same with mappings, rules and matching.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from core.enums import Direction, MatchType, Normalize, OnDelete, OnMultiple, OnNoMatch, OnNotFound, Strategy, Transform
from core.filter_config import RecordFilter, filter_plan
from core.invoice_lines import LINE_OPTIONS
from core.normalize import known_region
from core.plan import DeleteGuard, EntityPlan, FieldPlan, MatchPlan, MatchRulePlan
from core.records import MONEY, Entity, Side
from core.scripts import Script, ScriptHost
from core.values import Value

_NO_TYPES: Mapping[str, str] = {}


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class FieldMapping(_Model):
    """One mapped field. `default` is in Alguna's form and stands for a blank source.

    `to_external` and `to_alguna` are the JavaScript functions of the transform `custom`.
    """

    alguna_field: str = Field(min_length=1)
    external_field: str = Field(min_length=1)
    direction: Direction = Direction.BIDIRECTIONAL
    transform: Transform = Transform.NONE
    transform_options: dict[str, Any] | None = None
    conflict_resolution: Strategy | None = None
    required: bool = False
    default: Any = None
    write_once: bool = False
    fill_empty_only: bool = False
    to_external: str | None = None
    to_alguna: str | None = None
    description: str | None = None


class FieldMappings(_Model):
    """The mappings of one entity; a call with it replaces the whole set."""

    entity: Entity
    mappings: list[FieldMapping]


class FieldRule(_Model):
    """Who wins when this field changed on both sides."""

    alguna_field: str = Field(min_length=1)
    strategy: Strategy


class FieldResolution(_Model):
    """The field rules of one entity; a call with it replaces the whole set."""

    entity: Entity
    rules: list[FieldRule]


def _normalize_alias(value: object) -> object:
    return Normalize.TEXT if value in ("lowercase", "trim_casefold") else value


class MatchRule(_Model):
    """One way to recognise the same record. For `external_id` the external field holds the Alguna id."""

    type: MatchType
    alguna_field: str = Field(default="id", min_length=1)
    external_field: str = Field(min_length=1)
    normalize: Annotated[Normalize, BeforeValidator(_normalize_alias)] = Normalize.NONE
    region: str | None = Field(
        default=None,
        description="Country (ISO 3166 alpha-2) of phone numbers and tax ids that are written without one.",
    )

    @field_validator("region")
    @classmethod
    def _known_region(cls, value: str | None) -> str | None:
        if value is None or known_region(value.upper()):
            return value and value.upper()
        raise ValueError(f"`{value}` is not a country code (ISO 3166 alpha-2, as DE or US)")

    @model_validator(mode="after")
    def _two_fields(self) -> MatchRule:
        if self.type is MatchType.FIELD and "alguna_field" not in self.model_fields_set:
            raise ValueError("algunaField is required for a rule of type field")
        return self


class Matching(_Model):
    """How unlinked records of one entity find each other. Several candidates are never decided by a guess."""

    entity: Entity
    rules: list[MatchRule]
    on_no_match: OnNoMatch = OnNoMatch.CREATE
    on_multiple: OnMultiple = OnMultiple.MANUAL


class OnDeletePolicy(_Model):
    """What a deletion seen on one side does to the other, per target side."""

    to_external: OnDelete = OnDelete.IGNORE
    to_alguna: OnDelete = OnDelete.IGNORE


class EntityOnDelete(_Model):
    """The same for one entity; what is not said here is as for the integration."""

    to_external: OnDelete | None = None
    to_alguna: OnDelete | None = None


class DeleteGuardSetting(_Model):
    """Deletions of a pass that are more than this share of the linked records, and this many, wait for a person."""

    share: float = Field(default=0.2, gt=0, le=1)
    at_least: int = Field(default=10, ge=1)


POLL_SECONDS = 60.0
"""How often real-time sync looks for what no event tells, unless `pollSeconds` says otherwise."""


class Realtime(_Model):
    """Whether changes are looked for between schedules, for which entities (None: all), and how eagerly.

    `poll_seconds` is how often we look for what no event tells (None: once a minute, 0: never).
    """

    enabled: bool = False
    entities: list[Entity] | None = None
    coalesce_seconds: float = Field(default=2, ge=0, le=3600)
    poll_seconds: float | None = Field(default=None, ge=0, le=86400)

    @field_validator("poll_seconds")
    @classmethod
    def _not_too_often(cls, value: float | None) -> float | None:
        if value is not None and 0 < value < 5:
            raise ValueError("between looks there are at least 5 seconds; 0 switches them off")
        return value

    @property
    def interval(self) -> float:
        """Seconds between two looks; 0: none."""
        if not self.enabled:
            return 0.0
        return POLL_SECONDS if self.poll_seconds is None else self.poll_seconds

    def covers(self, configured: Sequence[Entity]) -> list[Entity]:
        """Which of the configured entities are synced in real time."""
        if not self.enabled:
            return []
        return [one for one in configured if self.entities is None or one in self.entities]


class ItemMap(_Model):
    """How invoice lines find the vendor's items: product id -> item id or code, else by sku, else a fallback item."""

    by: Literal["sku"] | None = None
    items: dict[str, str] = Field(default_factory=dict)
    default: str | None = None


class EntityOptions(_Model):
    """Options of one entity; which of them apply depends on entity and provider."""

    filter: RecordFilter | None = None
    conflict_resolution: Strategy | None = None
    on_delete: EntityOnDelete | None = None
    delete_guard: DeleteGuardSetting | None = None
    default_currency: str | None = None
    subsidiary: str | None = None
    item_map: ItemMap | None = None
    tax_map: dict[str, str] | None = None
    sales_account: str | None = None
    payment_account: str | None = None


OPTION_OF = {
    "subsidiary": frozenset({Entity.ACCOUNTS, Entity.INVOICES, Entity.PAYMENTS}),
    "itemMap": frozenset({Entity.INVOICES}),
    "taxMap": frozenset({Entity.INVOICES}),
    "salesAccount": frozenset({Entity.INVOICES}),
    "paymentAccount": frozenset({Entity.PAYMENTS}),
}
"""Which entities an option is for, where it is not for all (api.md section 2)."""


def given_options(options: EntityOptions | None) -> dict[str, Value]:
    """Return the options that are set and say how a provider keeps its records, by their names in api.md."""
    given = options.model_dump(mode="json", by_alias=True) if options is not None else {}
    return {name: given[name] for name in OPTION_OF if given.get(name) is not None}


def options_of_others(entity: Entity, options: EntityOptions) -> list[tuple[str, frozenset[Entity]]]:
    """Return the options that are set for an entity they mean nothing to, with the entities they are for."""
    return [(name, OPTION_OF[name]) for name in given_options(options) if entity not in OPTION_OF[name]]


class SyncConfig(_Model):
    """The body of the sync-config call. `schedule` is cron with five fields, in `timezone`; None: no schedule."""

    enabled: bool = True
    direction: Direction = Direction.BIDIRECTIONAL
    entities: list[Entity] = Field(min_length=1)
    conflict_resolution: Strategy = Strategy.ALGUNA_WINS
    schedule: str | None = None
    timezone: str = "UTC"
    realtime: Realtime = Field(default_factory=Realtime)
    on_not_found: OnNotFound = OnNotFound.SKIP
    on_delete: OnDeletePolicy = Field(default_factory=OnDeletePolicy)
    delete_guard: DeleteGuardSetting = Field(default_factory=DeleteGuardSetting)
    entity_options: dict[Entity, EntityOptions] = Field(default_factory=dict)


class IntegrationConfig(SyncConfig):
    """What is stored and versioned. An entity without own matching is matched by its marker alone."""

    mappings: dict[Entity, list[FieldMapping]] = Field(default_factory=dict)
    field_rules: dict[Entity, list[FieldRule]] = Field(default_factory=dict)
    matching: dict[Entity, Matching] = Field(default_factory=dict)


def plan(
    config: IntegrationConfig,
    entity: Entity,
    *,
    marker: str | None,
    parent: str | None,
    external_types: Mapping[str, str] = _NO_TYPES,
    alguna_types: Mapping[str, str] = _NO_TYPES,
    default_currency: str | None = None,
) -> EntityPlan:
    """Compile the configuration of one entity.

    `marker` and `parent` are the external ones, which the connector reads and fills by itself. The types are those of
    each side's schema by field path. `default_currency` (ISO 4217) serves where the configuration names none.
    """
    options = config.entity_options.get(entity, EntityOptions())
    currency = options.default_currency or default_currency
    guard = options.delete_guard or config.delete_guard
    rules = {rule.alguna_field: rule.strategy for rule in config.field_rules.get(entity, [])}
    usual = options.conflict_resolution or config.conflict_resolution
    scripts = ScriptHost()
    fields = tuple(
        FieldPlan(
            alguna_field=item.alguna_field,
            external_field=item.external_field,
            direction=config.direction.intersect(item.direction),
            strategy=rules.get(item.alguna_field) or item.conflict_resolution or usual,
            transform=item.transform,
            options=transform_options(item, currency, options),
            required=item.required,
            default=_exact(item.default),
            write_once=item.write_once,
            fill_empty_only=item.fill_empty_only,
            external_type=external_types.get(item.external_field, "text"),
            alguna_type=alguna_types.get(item.alguna_field, "text"),
            functions={
                side: Script(label, source, scripts) for side, (label, source) in _functions(item).items() if source
            },
        )
        for item in config.mappings.get(entity, [])
    )
    matching = _match_plan(config.matching.get(entity))
    return EntityPlan(
        entity=entity,
        fields=fields,
        matching=matching,
        marker=marker,
        parent=parent,
        on_not_found=config.on_not_found,
        on_delete=_on_delete(entity, config.on_delete, options.on_delete),
        delete_guard=DeleteGuard(guard.share, guard.at_least),
        can_create=frozenset(
            side for side in Side if config.direction.allows(side) and matching.on_no_match is OnNoMatch.CREATE
        ),
        filters=filter_plan(options.filter),
    )


def _on_delete(entity: Entity, usual: OnDeletePolicy, own: EntityOnDelete | None) -> dict[Side, OnDelete]:
    own = own or EntityOnDelete()
    if entity in MONEY:
        # A void is carried over unless the entity's own option says otherwise (ADR 10).
        usual = OnDeletePolicy(to_external=OnDelete.ARCHIVE, to_alguna=OnDelete.ARCHIVE)
    return {Side.EXTERNAL: own.to_external or usual.to_external, Side.ALGUNA: own.to_alguna or usual.to_alguna}


def _functions(item: FieldMapping) -> dict[Side, tuple[str, str | None]]:
    return {Side.EXTERNAL: ("toExternal", item.to_external), Side.ALGUNA: ("toAlguna", item.to_alguna)}


def transform_options(
    mapping: FieldMapping, currency: str | None, entity_options: EntityOptions | None = None
) -> dict[str, Value]:
    """Return a mapping's transform options with exact numbers, and those that a transform takes from elsewhere.

    `number_to_currency` takes the currency, `invoice_lines` the maps of the entity's options.
    """
    options = {key: _exact(value) for key, value in (mapping.transform_options or {}).items()}
    if mapping.transform is Transform.NUMBER_TO_CURRENCY and currency:
        options.setdefault("currency", currency)
    if mapping.transform is Transform.INVOICE_LINES and entity_options is not None:
        given = given_options(entity_options)
        options = {key: given[key] for key in sorted(LINE_OPTIONS & given.keys())} | options
    return options


def _match_plan(matching: Matching | None) -> MatchPlan:
    if matching is None:
        return MatchPlan()
    rules = tuple(
        MatchRulePlan(rule.type, rule.alguna_field, rule.external_field, rule.normalize, rule.region)
        for rule in matching.rules
    )
    return MatchPlan(rules, matching.on_no_match, matching.on_multiple)


def _exact(value: Any) -> Value:
    """Turn JSON's binary floats into decimals of the same text."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    exact: Value = value
    return exact
