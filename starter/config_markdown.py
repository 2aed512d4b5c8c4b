"""Configuration as a page for people: what syncs with what, which way, and who wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_ARROWS = {"bidirectional": "↔", "alguna_to_external": "→", "external_to_alguna": "←"}
_FLAGS = {"required": "required", "writeOnce": "written once", "fillEmptyOnly": "fills blanks only"}


def page(entries: Sequence[Mapping[str, Any]]) -> str:
    """Return Markdown for integrations as `export` gives them."""
    return "\n".join(line for entry in entries for line in _integration(entry)) + "\n"


def _integration(entry: Mapping[str, Any]) -> Iterable[str]:
    config = entry["config"]
    yield f"# {entry['id']} ({entry['provider']})"
    yield ""
    yield f"- {'Enabled' if config.get('enabled', True) else 'Disabled'}, {config.get('direction', 'bidirectional')}"
    schedule, zone = config.get("schedule"), config.get("timezone", "UTC")
    yield f"- Schedule: `{schedule}` ({zone})" if schedule else "- No schedule"
    yield f"- Changed on both sides: `{config.get('conflictResolution', 'alguna_wins')}`, unless a field says otherwise"
    yield ""
    for entity in config.get("entities", []):
        yield from _entity(entry, entity)


def _entity(entry: Mapping[str, Any], entity: str) -> Iterable[str]:
    rules = {rule["algunaField"]: rule["strategy"] for rule in entry.get("fieldResolution", {}).get(entity, [])}
    yield f"## {entity}"
    yield ""
    yield f"| Alguna | | {entry['provider']} | Transform | Changed on both sides | Notes |"
    yield "|---|---|---|---|---|---|"
    for mapping in entry.get("mappings", {}).get(entity, []):
        field = mapping["algunaField"]
        rule = mapping.get("conflictResolution") or rules.get(field) or ""
        transform = mapping.get("transform", "none")
        notes = [words for key, words in _FLAGS.items() if mapping.get(key)]
        notes += [f"default `{_cell(mapping['default'])}`"] if mapping.get("default") is not None else []
        notes += [_cell(mapping["description"])] if mapping.get("description") else []
        arrow = _ARROWS[mapping.get("direction", "bidirectional")]
        cells = (
            f"`{_cell(field)}`",
            arrow,
            f"`{_cell(mapping['externalField'])}`",
            "" if transform == "none" else f"`{transform}`",
            f"`{rule}`" if rule else "",
            "; ".join(notes),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    matching = entry.get("matching", {}).get(entity)
    if matching:
        yield "Records without a partner are matched by:"
        yield ""
        for number, rule in enumerate(matching["rules"], start=1):
            how = f" (as {rule['normalize']})" if rule.get("normalize", "none") != "none" else ""
            yield f"{number}. `{_cell(rule.get('algunaField', 'id'))}` = `{_cell(rule['externalField'])}`{how}"
        yield ""
        yield f"None found: {matching.get('onNoMatch', 'create')}. Several: {matching.get('onMultiple', 'manual')}."
        yield ""


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
