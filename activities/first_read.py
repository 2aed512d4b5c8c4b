"""When an incremental pass must read everything again: matching needs the keys of both sides (design 3.5)."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from core.config import IntegrationConfig, MatchRule
from store import passes
from store.configs import Configs
from store.scope import Scope


async def rules_moved(
    session: AsyncSession, configs: Configs, scope: Scope, version: int, config: IntegrationConfig
) -> bool:
    """Say whether both sides were last read when other match rules held.

    Keys are kept by rule, so after a change of the rules those of unlinked records say something else.
    """
    before = await passes.last_version(session, scope)
    if before is None or before == version:
        return False
    document = await configs.at(scope.integration_id, before)
    if document is None:
        return True
    return _rules(IntegrationConfig.model_validate(document), scope) != _rules(config, scope)


def _rules(config: IntegrationConfig, scope: Scope) -> list[MatchRule]:
    matching = config.matching.get(scope.entity)
    return matching.rules if matching else []
