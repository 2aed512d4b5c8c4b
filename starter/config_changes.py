"""The way from what is stored to what a configuration file says: checked, compared, shown, applied through the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.registry import PROVIDERS, provider_spec
from core.config import EntityOptions, FieldMapping, IntegrationConfig, Matching, SyncConfig, given_options
from core.problems import did_you_mean
from core.records import Entity
from core.validate import check_config
from starter.client import ApiError, Client, JsonObject
from starter.config_file import Finding, IntegrationEntry, Loaded

Credentials = Callable[[IntegrationEntry], JsonObject]

# How many names deep new or dropped parts are told one by one.
_DEPTH = {"config": 1, "mappings": 2, "fieldResolution": 2, "matching": 1}
_UNTOLD: tuple[Any, ...] = (None, False, "none", [], {})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` is None for what is new, `after` is None for what goes away."""

    path: str
    before: Any
    after: Any

    def text(self) -> str:
        """Return the change as a line of a plan."""
        if not self.path:
            return f"+ {self.after}"
        if self.before is None:
            return f"+ {self.path}: {_short(self.after)}"
        if self.after is None:
            return f"- {self.path}: {_short(self.before)}"
        return f"~ {self.path}: {_short(self.before)} -> {_short(self.after)}"


def check(loaded: Loaded) -> list[Finding]:
    """Return what is wrong with a file beyond its form, as far as that shows without asking either system."""
    return [finding for index, entry in enumerate(loaded.file.integrations) for finding in _check(loaded, index, entry)]


def _check(loaded: Loaded, index: int, entry: IntegrationEntry) -> Iterator[Finding]:
    place = f"integrations[{index}]"
    if entry.provider not in PROVIDERS:
        known = f"there is no provider `{entry.provider}`, only {', '.join(PROVIDERS)}"
        yield loaded.finding(f"{place}.provider", known + did_you_mean(entry.provider, PROVIDERS))
        return
    spec = provider_spec(entry.provider)
    config = entry.whole()
    for entity in config.entities:
        usual = [FieldMapping.model_validate(one) for one in spec.templates().get(entity, [])]
        config.mappings.setdefault(entity, usual)
    for problem in check_config(config, spec.entities, {}, {}):
        yield loaded.finding(f"{place}.{in_file(problem.path)}", problem.message)


def in_file(path: str) -> str:
    """Return where a path of a stored configuration stands in an entry of a file."""
    head = path.split(".")[0].split("[")[0]
    if head in ("mappings", "matching", "id", "provider", "credentials", "webhookSecret"):
        return path
    if head == "fieldRules":
        return "fieldResolution" + path.removeprefix("fieldRules")
    return f"config.{path}"


def changes(client: Client, entry: IntegrationEntry) -> list[Change]:
    """Return what applying an entry would change; one change with an empty path stands for a new integration."""
    if not _exists(client, entry):
        return [Change("", None, f"new integration of {entry.provider}"), *_differences({}, _wanted(entry, None))]
    stored = _stored(client, entry.id)
    return _differences(_dumped(stored) if stored else {}, _wanted(entry, stored))


def apply(client: Client, entry: IntegrationEntry, credentials: Credentials) -> list[Change]:
    """Make the service agree with an entry; returns what changed, nothing when all agreed before.

    The whole configuration is one call, so that no sync runs on a part of it. Raises ApiError, and ValueError when the
    id belongs to another provider.
    """
    found = changes(client, entry)
    if found:
        if not _exists(client, entry):
            client.create_integration(entry.id, entry.provider, credentials(entry), entry.webhook_secret)
        client.put_sync_config(entry.id, _body(entry.whole()))
    return found


def affects(client: Client, entry: IntegrationEntry) -> list[str]:
    """Return whom applying an entry would touch, a line for each change. Raises ApiError for what would be refused."""
    if not _exists(client, entry):
        return []
    told: JsonObject = client.put_sync_config(entry.id, _body(entry.whole()), preview=True).get("affects") or {}
    return [_told(entity, shown, one) for entity, shown in told.items() for one in shown["changes"]]


def _told(entity: str, shown: JsonObject, one: JsonObject) -> str:
    if one["change"] == "filter":
        moves = f"{shown['entering']} enter it, {shown['leaving']} leave it, {shown['unknown']} only reading tells"
        return f"{entity}: the filter, of linked records {moves}"
    name = f"{one['change']} of {one['field']}" if one["field"] else one["change"]
    return f"{entity}: the {name}, {one['records']} record(s)"


def export(client: Client, integration_id: str) -> JsonObject:
    """Return a stored configuration as an entry of a file. Credentials are write-only, so they are left out."""
    row = client.integration(integration_id)
    entry: JsonObject = {"id": row["id"], "provider": row["provider"]}
    stored = _stored(client, integration_id)
    if stored is None:
        return entry
    entry["config"] = _json(stored, set(SyncConfig.model_fields), defaults=False)
    entry["config"]["entities"] = [entity.value for entity in stored.entities]
    for part, name in {"mappings": "mappings", "matching": "matching", "field_resolution": "fieldResolution"}.items():
        found = {entity.value: _plain(part, value) for entity, value in _of_part(stored, part).items() if value}
        if found:
            entry[name] = found
    return entry


def _exists(client: Client, entry: IntegrationEntry) -> bool:
    try:
        row = client.integration(entry.id)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    if row["provider"] != entry.provider:
        raise ValueError(f"{entry.id} is an integration of {row['provider']}, not of {entry.provider}; use another id")
    return True


def _stored(client: Client, integration_id: str) -> IntegrationConfig | None:
    body = client.sync_config(integration_id)
    if body is None:
        return None
    known = {field.alias or name for name, field in IntegrationConfig.model_fields.items()}
    return IntegrationConfig.model_validate({key: value for key, value in body.items() if key in known})


def _body(config: IntegrationConfig) -> JsonObject:
    """The body of the sync-config call: parts that the file leaves out are left out, and so stay as they are."""
    whole = _json(config)
    return {key: value for key, value in whole.items() if value or key not in ("mappings", "fieldRules", "matching")}


def _of_part(config: IntegrationConfig, part: str) -> Mapping[Entity, Any]:
    found: dict[str, Mapping[Entity, Any]] = {
        "mappings": config.mappings,
        "field_resolution": config.field_rules,
        "matching": config.matching,
    }
    return found[part]


def _plain(part: str, value: Any) -> Any:
    if part == "matching":
        return _json(value, set(Matching.model_fields) - {"entity"}, defaults=False)
    return [{**_json(item, defaults=False), **_always(item)} for item in value]


def _always(item: Any) -> JsonObject:
    return {"direction": item.direction.value} if isinstance(item, FieldMapping) else {}


def _wanted(entry: IntegrationEntry, stored: IntegrationConfig | None) -> JsonObject:
    """The whole configuration after an apply: what the entry leaves out stays as it is."""
    whole = _dumped(entry.whole())
    for part, entities in (_dumped(stored) if stored else {}).items():
        if part in ("mappings", "matching", "fieldResolution"):
            whole[part] = {**entities, **whole[part]}
    for entity, options in (stored.entity_options if stored else {}).items():
        # The service may have found them by itself, where a provider leaves no choice.
        own = whole["config"]["entityOptions"].setdefault(entity.value, _json(EntityOptions()))
        own |= {name: value for name, value in given_options(options).items() if own.get(name) is None}
    return whole


def _dumped(config: IntegrationConfig) -> JsonObject:
    """A configuration in a form that compares by name instead of by position."""
    return {
        "config": _base(config),
        "mappings": {
            entity.value: {item.alguna_field: _json(item) for item in items}
            for entity, items in config.mappings.items()
        },
        "fieldResolution": {
            entity.value: {rule.alguna_field: rule.strategy.value for rule in rules}
            for entity, rules in config.field_rules.items()
        },
        "matching": {entity.value: _json(one) for entity, one in config.matching.items()},
    }


def _base(config: IntegrationConfig) -> JsonObject:
    return _json(config, set(SyncConfig.model_fields))


def _json(model: Any, include: set[str] | None = None, *, defaults: bool = True) -> JsonObject:
    found: JsonObject = model.model_dump(mode="json", by_alias=True, include=include, exclude_defaults=not defaults)
    return found


def _differences(before: Any, after: Any, path: str = "") -> list[Change]:
    """Compare by name. What is wholly new or wholly gone is told down to single settings, mappings and rules."""
    if isinstance(before, dict) and isinstance(after, dict) or _is_open(path, before, after):
        mine, wanted = before or {}, after or {}
        return [
            change
            for key in [*mine, *(key for key in wanted if key not in mine)]
            for change in _differences(mine.get(key), wanted.get(key), f"{path}.{key}" if path else key)
        ]
    if before == after or (not before and not after and before in (None, {}) and after in (None, {})):
        return []
    return [Change(path, before, after)]


def _is_open(path: str, before: Any, after: Any) -> bool:
    present = after if before is None else before
    return (
        (before is None or after is None)
        and isinstance(present, dict)
        and path.count(".") < _DEPTH.get(path.split(".")[0], 0)
    )


def _short(value: Any) -> str:
    """A value in one line, without what says nothing: empty parts, `none`, and names that the path tells already."""
    if isinstance(value, dict):
        told = {
            key: item for key, item in value.items() if item not in _UNTOLD and key not in ("algunaField", "entity")
        }
        return ", ".join(f"{key} {_short(item)}" for key, item in told.items()) or "{}"
    if isinstance(value, list):
        return "[" + ", ".join(f"({_short(item)})" if isinstance(item, dict) else _short(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
