"""The QuickBooks Online sandbox: one company per account, its wire API and what people do in its own pages."""

import asyncio
import secrets
import zlib
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.administered import SETUP, AdministeredVendor
from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record, RecordError
from sandbox.kit.webhooks import Webhooks
from sandbox.quickbooks import metering
from sandbox.quickbooks.api import Api
from sandbox.quickbooks.books import Books
from sandbox.quickbooks.catalogue import open_books
from sandbox.quickbooks.company import Company
from sandbox.quickbooks.errors import system_failure
from sandbox.quickbooks.events import Events
from sandbox.quickbooks.metering import Metering
from sandbox.quickbooks.oauth import TOKEN, OAuth
from sandbox.quickbooks.people import ENTITIES, People
from sandbox.quickbooks.replays import Replays
from sandbox.quickbooks.seeding import QuickBooksSeeder
from sandbox.quickbooks.setup import Setup
from sandbox.quickbooks.tokens import Tokens, account_in

_SEEDED = ("accounts", "invoices", "payments")
_HTML_503 = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"


class QuickBooksSandbox(AdministeredVendor[Setup]):
    """Beside the sample entities, `setup` holds one record, `company`: what an administrator can set."""

    name: ClassVar[str] = "quickbooks"
    entities: ClassVar[tuple[str, ...]] = (*ENTITIES, SETUP)
    faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks, Setup())
        self._realm_id = f"9130{zlib.crc32(account.encode()):012d}"
        self._books = Books(self.clock, self.switches)
        self._company = Company(self._books)
        self._tokens = Tokens(account, self.switches)
        self._metering = Metering(limits, self.switches)
        self._replays = Replays(self.switches)
        self._oauth = OAuth(self._tokens, self.switches, self._realm_id)
        self._api = Api(self._company, self._tokens, self._metering, self._replays, self.switches, self._realm_id)
        self.people = People(self._company)
        self._seeder = QuickBooksSeeder(self._company)
        self._events = Events(webhooks, self.switches, self._realm_id)
        self._books.changed = self._events.announce
        webhooks.secret = webhooks.secret or secrets.token_hex(16)
        self._open()

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return account_in(request, body)

    async def handle(self, request: Request) -> Response:
        if self._oauth.takes(request.url.path):
            return await self._oauth.handle(request)
        return await self._api.handle(request)

    async def handle_slowly(self, request: Request, seconds: float) -> Response:
        """Calls count as running while they take their time: ten at once are the limit (sheet 5)."""
        self._metering.running += 1
        try:
            await asyncio.sleep(seconds)
            return await self.handle(request)
        finally:
            self._metering.running -= 1

    async def partial_failure(self, request: Request) -> Response:
        return await self._api.handle(request, broken_rows=True)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """A limit holds for `retry_after` seconds on all calls; there is no header (sheet 5). 503 is a proxy's page."""
        if kind is FaultKind.ERROR_503:
            return Response(_HTML_503, 503, media_type="text/html")
        if kind is FaultKind.ERROR_500:
            return self._api.refused(system_failure())
        self._metering.limit_for(retry_after or 0)
        return self._api.refused(self._metering.refusal())

    def reset(self) -> None:
        self.set_up(self.fresh())
        self._open()
        self._seeder.known.clear()
        self._replays.clear()
        self._metering.refill()

    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        if entity not in _SEEDED:
            raise RecordError(422, f"{entity} cannot be seeded")
        return self._seeder.seed(entity, count, seed, offset)

    def shown(self) -> Record:
        return {"realmId": self._realm_id}

    def set_up(self, switches: Setup) -> None:
        """An empty company is opened anew where its country or currency changes."""
        now = self.switches
        moved = (switches.country, switches.home_currency) != (now.country, now.home_currency)
        super().set_up(switches)
        if moved and not any(self._books.tables[ENTITIES[entity].name] for entity in _SEEDED):
            self._open()

    def credentials(self, base_url: str) -> Record:
        """A consent of its own to the app. Without `limits` while they are off."""
        grant = self._tokens.new_grant()
        access = self._tokens.new_access(grant, self.switches.access_token_seconds)
        granted: Record = {
            "baseUrl": base_url,
            "tokenUrl": base_url + TOKEN,
            "clientId": self._tokens.client_id,
            "clientSecret": self._tokens.client_secret,
            "refreshToken": grant.refresh_token,
            "accessToken": access.token,
            "expiresAt": iso(access.expires),
            "realmId": self._realm_id,
        }
        if self.limits.enabled:
            scale = self.limits.scale
            granted["limits"] = {
                "requestsPerSecond": round(metering.PER_MINUTE / 60 * scale, 2),
                "batchesPerMinute": int(metering.BATCHES_PER_MINUTE * scale),
                "concurrent": max(1, int(metering.AT_ONCE * scale)),
            }
        return granted

    def auth_action(self, action: str) -> None:
        """After `restore` the app can be connected again; dead grants stay dead."""
        if action == "expire_access_token":
            self._tokens.expire()
        elif action == "revoke_grant":
            self._tokens.revoke_all()

    def dump(self) -> Record:
        return {
            "books": self._books.dump(),
            "tokens": self._tokens.dump(),
            "replays": self._replays.dump(),
            "seeded": self._seeder.known,
            "setup": self.switches.data(),
        }

    def load(self, data: Record) -> None:
        self.set_up(Setup.model_validate(data["setup"]))
        self._books.load(data["books"])
        self._tokens.load(data["tokens"])
        self._replays.load(data["replays"])
        self._seeder.known = dict(data["seeded"])

    def _open(self) -> None:
        self._books.clear()
        with self.webhooks.muted():
            open_books(self._books)
