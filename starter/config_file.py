"""Configuration as code: a YAML file with any number of integrations, read strictly.

```yaml
integrations:
  - id: int_salesforce
    provider: salesforce
    credentials: {instanceUrl: https://example.my.salesforce.com, clientId: "${SALESFORCE_CLIENT_ID}"}
    config: {entities: [accounts]}                              # the body of the sync-config call
    mappings: {accounts: [{algunaField: name, externalField: Name}]}
    matching: {accounts: {rules: [{type: external_id, externalField: Alguna_Customer_ID__c}]}}
    fieldResolution: {accounts: [{algunaField: name, strategy: manual}]}
```

Keys are those of the HTTP API. Parts that are left out keep the provider's defaults. `${VAR}` and `${VAR:-default}` in
credentials are taken from the environment; `sandbox: true` takes them from the local sandbox instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from core.config import FieldMapping, FieldRule, IntegrationConfig, Matching, MatchRule, SyncConfig
from core.enums import OnMultiple, OnNoMatch
from core.problems import problems_of
from core.records import Entity
from starter.yaml_lines import Lines, StrictLoader

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to put right in a file. `line` counts from 1; 0 where none is known."""

    line: int
    field: str
    message: str

    def text(self, file: str) -> str:
        """Return it as editors understand it: `file:line: field: message`."""
        return ": ".join(
            part for part in (f"{file}:{self.line}" if self.line else file, self.field, self.message) if part
        )


class ConfigFileError(Exception):
    """A file cannot be used; `findings` says why, each with its place."""

    def __init__(self, file: str, findings: list[Finding]) -> None:
        """Keep the findings; the message has one line for each."""
        super().__init__("\n".join(finding.text(file) for finding in findings))
        self.findings = findings


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class MatchingEntry(_Model):
    """An entity's matching, as the API takes it, without the entity."""

    rules: list[MatchRule]
    on_no_match: OnNoMatch = OnNoMatch.CREATE
    on_multiple: OnMultiple = OnMultiple.MANUAL


class IntegrationEntry(_Model):
    """One integration of a file."""

    id: str = Field(min_length=1)
    provider: str = Field(min_length=1)
    credentials: dict[str, Any] | None = None
    sandbox: bool = False
    webhook_secret: str | None = None
    config: SyncConfig
    mappings: dict[Entity, list[FieldMapping]] = Field(default_factory=dict)
    matching: dict[Entity, MatchingEntry] = Field(default_factory=dict)
    field_resolution: dict[Entity, list[FieldRule]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> IntegrationEntry:
        if self.sandbox and self.credentials is not None:
            raise ValueError("give either credentials or sandbox: true")
        return self

    def whole(self) -> IntegrationConfig:
        """Return what would be stored, without the provider's defaults."""
        matching = {
            entity: Matching(entity=entity, rules=one.rules, on_no_match=one.on_no_match)
            for entity, one in self.matching.items()
        }
        return IntegrationConfig(
            **dict(self.config), mappings=self.mappings, field_rules=self.field_resolution, matching=matching
        )

    def unset_variables(self, env: Mapping[str, str]) -> list[str]:
        """Return the variables that the credentials need and the environment has not."""
        return sorted(set(_unset([self.credentials, self.webhook_secret], env)))


class ConfigFile(_Model):
    """A whole file."""

    integrations: list[IntegrationEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> ConfigFile:
        ids = [entry.id for entry in self.integrations]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"an id is given twice: {', '.join(twice)}")
        return self


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read, with the places of its parts."""

    name: str
    file: ConfigFile
    lines: Lines

    def finding(self, path: str, message: str) -> Finding:
        """Return a finding at a path such as `integrations[0].config.schedule`."""
        return Finding(self.lines.at(path), path, message)


def load(path: Path) -> Loaded:
    """Read a file. Raises ConfigFileError that lists everything wrong with its form."""
    name = str(path)
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigFileError(name, [Finding(0, "", f"cannot be read: {error.strerror}")]) from error
    try:
        lines = Lines(text)
        data = yaml.load(text, StrictLoader)
    except RecursionError:
        raise ConfigFileError(name, [Finding(0, "", "not usable: it is nested too deeply")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigFileError(name, [Finding(line, "", f"not YAML: {error.problem}")]) from error
    if lines.repeated:
        found = [Finding(line, "", f"the key `{key}` is given twice") for line, key in lines.repeated]
        raise ConfigFileError(name, found)
    try:
        return Loaded(name, ConfigFile.model_validate(data), lines)
    except ValidationError as error:
        found = [Finding(lines.at(one.field), one.field, one.message) for one in problems_of(error, ConfigFile)]
        raise ConfigFileError(name, found) from error


def filled_in(value: Any, env: Mapping[str, str]) -> Any:
    """Return a value with its variables replaced; one that is unset and has no default becomes empty text."""
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: env.get(found[1]) or found[2] or "", value)
    if isinstance(value, dict):
        return {key: filled_in(item, env) for key, item in value.items()}
    if isinstance(value, list):
        return [filled_in(item, env) for item in value]
    return value


def _unset(value: Any, env: Mapping[str, str]) -> list[str]:
    if isinstance(value, str):
        return [found[1] for found in _VARIABLE.finditer(value) if not env.get(found[1]) and found[2] is None]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [name for part in parts for name in _unset(part, env)]
