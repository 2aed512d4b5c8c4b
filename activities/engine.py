"""What every activity works with: the services of this process, and the context of one pass.

Connectors are kept per connection and generation of its credentials, so that their network connections, tokens and
field descriptions are reused by all passes of the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from activities.contracts import Mode, PassRef
from activities.described import SchemaBook
from activities.first_read import rules_moved
from activities.rehearsal import RehearsedConnector
from connectors.protocols import Connector, EntityFacts
from core import names
from core.config import IntegrationConfig, plan
from core.errors import FieldValidation
from core.plan import EntityPlan
from core.ports import Leases
from core.records import Entity, OperationKind, Side
from core.resting import MARKER, Resting, let_rest, subjects_of, without
from store import passes, resting, runs
from store.configs import Configs
from store.connections import ALGUNA, Connections
from store.database import Database
from store.rehearsal import shadow_of
from store.scope import Scope
from store.tables.connections import Integration
from store.tables.runs import Run
from store.tokens import dead_connection
from store.types import utc_now
from store.webhooks import Webhooks

ConnectorMaker = Callable[[str, str, str], Awaitable[Connector]]


class Paused(Exception):
    """The integration was paused by a person; the pass waits until it is resumed."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Numbers of the engine. Sizes are in records, ages in seconds; `sends` is how many requests may be in flight.

    `schema_seconds` is how old a system's description of its fields may be before a pass asks again.
    """

    chunk_size: int = 1000
    fetch_size: int = 5000
    window: int = 2
    circuit_failures: int = 50
    stale_read_seconds: float = 10.0
    max_rounds: int = 5
    sends: dict[Side, int] = field(default_factory=lambda: {Side.ALGUNA: 8, Side.EXTERNAL: 2})
    heartbeat_seconds: float = 30.0
    schema_seconds: float = 600.0
    task_queue: str = "external-sync"
    public_url: str = "http://localhost:8080"
    temporal_ui_url: str = "http://localhost:8233"
    webhook_allow_private: bool = False
    webhook_delays: tuple[float, ...] = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
    """Seconds before each further attempt at a webhook delivery, as Standard Webhooks proposes: three days in all."""


@dataclass(frozen=True, slots=True)
class PassContext:
    """One pass at work: its plan under one version of the configuration, each side's facts, and the connectors.

    `currency` is that of new Alguna records, where it is known. `full` says that both sides are read completely.
    `resting` are the mappings whose field is gone; `revived` the Alguna fields of those that were, and are back.
    """

    ref: PassRef
    provider: str
    scope: Scope
    config_version: int
    config: IntegrationConfig
    plan: EntityPlan
    facts: dict[Side, EntityFacts]
    connectors: dict[Side, Connector]
    currency: str | None
    full: bool
    resting: tuple[Resting, ...] = ()
    revived: frozenset[str] = frozenset()

    @property
    def marks(self) -> bool:
        """Whether External Sync may write its marker on an external record that is there already."""
        writes = Side.EXTERNAL in self.plan.can_create or any(item.flows_to(Side.EXTERNAL) for item in self.plan.fields)
        facts = self.facts[Side.EXTERNAL]
        able = self.plan.marker is not None and facts.marks_existing and OperationKind.UPDATE in facts.kinds
        return writes and able and self.reaches(Side.EXTERNAL)

    @property
    def unmarkable(self) -> bool:
        """Whether the field is gone that the external record of a new pair would carry."""
        return self.plan.marker is None and self.facts[Side.EXTERNAL].marker is not None

    def may_create(self, target: Side) -> bool:
        """Whether a record without a partner may be created on that side."""
        return target in self.plan.can_create and OperationKind.CREATE in self.facts[target].kinds

    def reaches(self, target: Side) -> bool:
        """Whether this pass may write to a side at all: a run can be limited to one direction."""
        return self.ref.direction is None or self.ref.direction.allows(target)


class Engine:
    """The services of this process."""

    def __init__(
        self,
        db: Database,
        connections: Connections,
        configs: Configs,
        leases: Leases,
        webhooks: Webhooks,
        connect: ConnectorMaker,
        temporal: Client,
        options: EngineOptions,
    ) -> None:
        """Take the services. `connect` makes a connector: (provider, connection id, integration id) -> connector."""
        self.db = db
        self.connections = connections
        self.configs = configs
        self.temporal = temporal
        self.options = options
        self.started_at = utc_now()
        self.schemas = SchemaBook(db, options.schema_seconds)
        self.leases = leases
        self.webhooks = webhooks
        self._connect = connect
        self._connectors: dict[tuple[str, str], tuple[int, Connector]] = {}
        self._currencies: WeakKeyDictionary[Connector, str | None] = WeakKeyDictionary()
        self._retired: list[Connector] = []
        self._lock = asyncio.Lock()

    def workflow_url(self, workflow_id: str) -> str:
        """The page of a workflow in Temporal Web."""
        return names.workflow_url(self.options.temporal_ui_url, self.temporal.namespace, workflow_id)

    async def connector(self, provider: str, connection_id: str, integration_id: str) -> Connector:
        """Return the connector of a connection, made anew after a reconnect."""
        key = (connection_id, integration_id)
        async with self._lock:
            generation = await self.connections.generation(connection_id)
            known = self._connectors.get(key)
            if known is not None and known[0] == generation:
                return known[1]
            if known is not None:
                # Calls of other activities may still be under way on it.
                self._retired.append(known[1])
            connector = await self._connect(provider, connection_id, integration_id)
            self._connectors[key] = (generation, connector)
            return connector

    async def close(self) -> None:
        """Close all connectors."""
        for connector in [*self._retired, *(connector for _, connector in self._connectors.values())]:
            await connector.close()
        self._retired.clear()
        self._connectors.clear()

    async def open(self, ref: PassRef) -> PassContext:
        """Open a pass, or open it again. Raises Paused, AuthExpired, or FieldValidation without a configuration."""
        integration = await self.connections.get_integration(ref.integration_id)
        scope = scope_of(ref)
        version, config = await self._config(ref)
        async with self.db.transaction() as session:
            own = Scope(ref.integration_id, ref.entity)
            read = await passes.has_cursors(session, scope) and not await rules_moved(
                session, self.configs, own, version, config
            )
            first = ref.mode is Mode.INCREMENTAL and not read
            known = await passes.open_pass(
                session,
                own,
                ref.pass_id,
                mode=(Mode.FULL if first else ref.mode).value,
                run_ids=ref.run_ids,
                config_version=version,
                at=utc_now(),
            )
            # A chunk that opens beside one that found the grant dead must not show their run as going on.
            dead = await dead_connection(session, (ALGUNA, integration.id))
            if not integration.paused and dead is None:
                await runs.begin(session, ref.run_ids, utc_now())
                await runs.resume_runs_of(session, ref.pass_id)
        if integration.paused:
            raise Paused(f"{ref.integration_id} is paused")
        if dead is not None:
            raise dead
        if known.config_version != version:
            version = known.config_version
            config = await self._config_at(ref.integration_id, version)
        sides = await self._sides(integration)
        if ref.dry_run:
            sides = {side: RehearsedConnector(connector, self.db) for side, connector in sides.items()}
        context = await self._context(ref, integration.provider, sides, version, config)
        back = await self._back(context)
        if known.revived is None:
            async with self.db.transaction() as session:
                # Only a pass that reads both sides and may write to both can take them up.
                whole = ref.mode is not Mode.INBOX and ref.direction is None
                known = await passes.revive(session, ref.pass_id, back if whole else frozenset())
        revived = frozenset(known.revived or ())
        context = _without(context, back - revived)
        return replace(context, full=known.mode == Mode.FULL.value, revived=revived)

    async def outlook(
        self, integration: Integration, entity: Entity, version: int, config: IntegrationConfig
    ) -> PassContext:
        """The context of an entity outside of any pass: to look at what its sides show, never to write."""
        ref = PassRef(pass_id="", integration_id=integration.id, entity=entity, mode=Mode.INBOX)
        return await self._context(ref, integration.provider, await self._sides(integration), version, config)

    async def _sides(self, integration: Integration) -> dict[Side, Connector]:
        return {
            Side.ALGUNA: await self.connector(ALGUNA, ALGUNA, integration.id),
            Side.EXTERNAL: await self.connector(integration.provider, integration.id, integration.id),
        }

    @asynccontextmanager
    async def turn(self, context: PassContext) -> AsyncIterator[AsyncSession]:
        """A write of a pass. All its chunks and attempts take turns, on PostgreSQL as on SQLite (I1).

        So what one of them reads in its turn stays true until it commits, and none meets another half-way.
        """
        async with self.db.transaction() as session:
            await passes.hold(session, context.ref.pass_id)
            yield session

    async def child(self, context: PassContext, entity: Entity) -> PassContext:
        """The context of another entity of the same integration, under the same configuration."""
        ref = context.ref.model_copy(update={"entity": entity})
        made = await self._context(ref, context.provider, context.connectors, context.config_version, context.config)
        return _without(made, await self._back(made))

    async def _back(self, context: PassContext) -> frozenset[str]:
        """The Alguna fields of mappings that were resting and whose field is back.

        They go on with a pass that reads everything: nobody looked at what became of them meanwhile.
        """
        async with self.db.session() as session:
            known = await resting.subjects(session, context.scope)
        asleep = {item.subject for item in context.resting}
        could = subjects_of(context.plan, context.facts[Side.EXTERNAL].marker)
        active = {item.alguna_field for item in context.plan.fields if item.direction is not None} | {MARKER}
        return frozenset(
            name for subject, name in could.items() if subject in known and subject not in asleep and name in active
        )

    async def redescribe(self, ref: PassRef) -> None:
        """Ask both systems for their fields again, because one of them was refused."""
        at = utc_now()
        integration = await self.connections.get_integration(ref.integration_id)
        for provider, connection_id in ((ALGUNA, ALGUNA), (integration.provider, integration.id)):
            connector = await self.connector(provider, connection_id, integration.id)
            await self.schemas.newer(connection_id, connector, ref.entity, at)

    async def wanted_with(self, context: PassContext, entities: Sequence[Entity]) -> list[Entity]:
        """Which of these entities the pass's runs want too, so that one scan can serve both.

        None in a dry run: the others' state is copied when their turn comes.
        """
        if context.ref.dry_run:
            return []
        async with self.db.session() as session:
            wanted: set[str] = set()
            for run_id in context.ref.run_ids:
                run = await session.get(Run, run_id)
                wanted.update(run.entities if run else [])
        return [entity for entity in entities if entity.value in wanted and entity in context.config.entities]

    async def _config(self, ref: PassRef) -> tuple[int, IntegrationConfig]:
        found = await self.configs.current(ref.integration_id)
        if found is None:
            raise FieldValidation(f"{ref.integration_id} has no sync-config: configure it before it can sync")
        version, document = found
        return version, IntegrationConfig.model_validate(document)

    async def _config_at(self, integration_id: str, version: int) -> IntegrationConfig:
        return IntegrationConfig.model_validate(await self.configs.at(integration_id, version))

    async def _context(
        self, ref: PassRef, provider: str, sides: dict[Side, Connector], version: int, config: IntegrationConfig
    ) -> PassContext:
        facts = {side: connector.facts(ref.entity) for side, connector in sides.items()}
        described = {
            side: await self.schemas.get(connection_of(ref, side), connector, ref.entity)
            for side, connector in sides.items()
        }
        schemas = {side: item.schema for side, item in described.items()}
        for side, connector in sides.items():
            if isinstance(connector, RehearsedConnector):
                connector.schema = schemas[side]
        currency = await self._currency(config, sides[Side.EXTERNAL])
        mapped = config.mappings.get(ref.entity, [])
        compiled = plan(
            config,
            ref.entity,
            marker=facts[Side.EXTERNAL].marker,
            parent=facts[Side.EXTERNAL].parent,
            external_types=schemas[Side.EXTERNAL].types(item.external_field for item in mapped),
            alguna_types=schemas[Side.ALGUNA].types(item.alguna_field for item in mapped),
            default_currency=currency,
        )
        compiled, asleep = let_rest(compiled, schemas)
        return PassContext(
            ref=ref,
            provider=provider,
            scope=scope_of(ref),
            config_version=version,
            config=config,
            plan=compiled,
            facts=facts,
            connectors=sides,
            currency=currency,
            full=False,
            resting=asleep,
        )

    async def _currency(self, config: IntegrationConfig, external: Connector) -> str | None:
        """The currency of new Alguna records: the configured one, else the provider account's own, asked once."""
        options = config.entity_options.get(Entity.ACCOUNTS)
        if options is not None and options.default_currency:
            return options.default_currency
        if not config.direction.allows(Side.ALGUNA):
            return None
        external = external.inner if isinstance(external, RehearsedConnector) else external
        if external not in self._currencies:
            self._currencies[external] = await external.default_currency()
        return self._currencies[external]


def scope_of(ref: PassRef) -> Scope:
    """The state that a pass works on: the entity's own, or a dry run's copy of it."""
    if ref.dry_run:
        return Scope(shadow_of(ref.integration_id, ref.run_ids[0]), ref.entity)
    return Scope(ref.integration_id, ref.entity)


def connection_of(ref: PassRef, side: Side) -> str:
    """The connection behind a side of a pass."""
    return ALGUNA if side is Side.ALGUNA else ref.integration_id


def _without(context: PassContext, names: frozenset[str]) -> PassContext:
    """The context with these Alguna fields inactive."""
    return replace(context, plan=without(context.plan, names))
