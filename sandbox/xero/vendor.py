"""The Xero sandbox: one app with its organisations per account, its wire API and what people do in Xero's pages."""

import asyncio
import math
from functools import partial
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.administered import SETUP, AdministeredVendor
from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record
from sandbox.kit.webhooks import Webhooks
from sandbox.xero.api import Api
from sandbox.xero.books import Books
from sandbox.xero.errors import XeroError
from sandbox.xero.events import Events
from sandbox.xero.idempotency import Idempotency
from sandbox.xero.metering import CALLS_PER_SECOND, CONCURRENT, DAILY, Metering
from sandbox.xero.oauth import OAuth
from sandbox.xero.people import People
from sandbox.xero.resources import Resources
from sandbox.xero.seeding import XeroSeeder
from sandbox.xero.setup import Setup
from sandbox.xero.tokens import SCOPES, Tokens, account_in

_UNAVAILABLE = "The Xero API is temporarily unavailable"
# A limit that holds this long is the day's.
_LASTING_SECONDS = 61


class XeroSandbox(AdministeredVendor[Setup]):
    """Beside the sample entities, `setup` holds one record, `organisation`: what an administrator can switch.

    The control API's records are those of the first organisation; `otherTenants` are further, empty ones.
    """

    name: ClassVar[str] = "xero"
    entities: ClassVar[tuple[str, ...]] = ("accounts", "invoices", "payments", SETUP)
    faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks, Setup())
        self._tokens = Tokens(account, self.clock)
        self._books = Books("Sample Organisation", self.switches, self.clock)
        self._organisations: dict[str, Books] = {}
        self._tenants: dict[str, Resources] = {}
        self._metering: dict[str, Metering] = {}
        self._oauth = OAuth(self._tokens, self.switches, self._organisations)
        self._idempotency = Idempotency(self.clock)
        self._api = Api(self.switches, self._oauth, self._tenants, self._metering, self._idempotency)
        self._events = Events(webhooks)
        resources = self._open(self._books)
        self.people = People(resources)
        self._seeder = XeroSeeder(resources)
        webhooks.pointed = self._events.ask_intent
        webhooks.secret = webhooks.secret or self._tokens.webhook_key

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return account_in(request, body)

    async def handle(self, request: Request) -> Response:
        return await self.handle_slowly(request, 0)

    async def handle_slowly(self, request: Request, seconds: float) -> Response:
        """Calls that are under way count against the five at once (sheet 5)."""
        metering = self._metering.get(request.headers.get("xero-tenant-id", ""))
        try:
            if metering is not None:
                metering.enter()
        except XeroError as error:
            return self._api.refused(error, request)
        try:
            await asyncio.sleep(seconds)
            if self._oauth.handles(request.url.path):
                return await self._oauth.handle(request)
            return await self._api.handle(request)
        except XeroError as error:
            return self._api.refused(error, request)
        finally:
            if metering is not None:
                metering.leave()

    async def partial_failure(self, request: Request) -> Response:
        return await self._api.handle(request, broken_rows=True)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """`Retry-After` is told of a minute's and a day's limit (sheet 5)."""
        if kind is FaultKind.ERROR_503:
            return Response(_UNAVAILABLE, 503, media_type="text/plain")
        if kind is FaultKind.ERROR_500:
            body = {"Type": None, "Title": "An error occurred", "Detail": "An error occurred in Xero.", "Status": 500}
            return self._api.refused(XeroError(500, body), request)
        seconds = math.ceil(retry_after or 1)
        problem = "day" if seconds >= _LASTING_SECONDS else "minute"
        return self._api.refused(self._metering[self._books.tenant_id].refusal(problem, seconds), request)

    def reset(self) -> None:
        self.set_up(self.fresh())
        for books in self._organisations.values():
            books.clear()
        for metering in self._metering.values():
            metering.refill()
        self._seeder.known.clear()
        self._idempotency.clear()
        self._oauth.disconnected.clear()

    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        return self._seeder.seed(entity, count, seed, offset)

    def shown(self) -> Record:
        """The tenants by name."""
        return {"tenants": {books.name: tenant_id for tenant_id, books in self._organisations.items()}}

    def set_up(self, switches: Setup) -> None:
        """Organisations come and go with their names."""
        super().set_up(switches)
        for tenant_id, books in list(self._organisations.items()):
            if books is not self._books and books.name not in switches.other_tenants:
                del self._organisations[tenant_id], self._tenants[tenant_id], self._metering[tenant_id]
        known = {books.name for books in self._organisations.values()}
        for name in switches.other_tenants:
            if name not in known:
                self._open(Books(name, self.switches, self.clock))

    def credentials(self, base_url: str) -> Record:
        """A consent of its own to the account's app. Without `limits` while they are off."""
        grant = self._tokens.new_grant(list(SCOPES))
        access = self._tokens.new_access(grant, self.switches.access_token_seconds)
        granted: Record = {
            "baseUrl": base_url,
            "tokenUrl": f"{base_url}/connect/token",
            "clientId": self._tokens.client_id,
            "clientSecret": self._tokens.client_secret,
            "refreshToken": grant.refresh_token,
            "accessToken": access.token,
            "expiresAt": iso(access.expires),
            "tenantId": self._books.tenant_id,
        }
        if self.limits.enabled:
            granted["limits"] = {
                "requestsPerSecond": round(CALLS_PER_SECOND * self.limits.scale, 2),
                "requestsPerDay": int(DAILY[self.switches.plan] * self.limits.scale),
                "concurrent": max(1, int(CONCURRENT * self.limits.scale)),
            }
        return granted

    def auth_action(self, action: str) -> None:
        if action == "expire_access_token":
            self._tokens.expire()
        elif action == "revoke_grant":
            self._tokens.revoke_all()
        else:
            self._oauth.disconnected.clear()

    def dump(self) -> Record:
        return {
            "setup": self.switches.data(),
            "organisations": [{"name": one.name, **one.dump()} for one in self._organisations.values()],
            "tokens": self._tokens.dump(),
            "seeded": self._seeder.known,
        }

    def load(self, data: Record) -> None:
        self.set_up(Setup.model_validate(data["setup"]))
        saved = {one["name"]: one for one in data["organisations"]}
        for tenant_id, books in list(self._organisations.items()):
            books.load(saved[books.name])
            held: list[dict[str, Any]] = [self._organisations, self._tenants, self._metering]
            for one in held:
                one[books.tenant_id] = one.pop(tenant_id)
        self._tokens.load(data["tokens"])
        self._seeder.known = dict(data["seeded"])

    def _open(self, books: Books) -> Resources:
        """Make an organisation reachable."""
        books.changed = partial(self._events.announce, books)
        self._organisations[books.tenant_id] = books
        self._metering[books.tenant_id] = Metering(self.limits, self.switches)
        self._tenants[books.tenant_id] = resources = Resources(books)
        return resources
