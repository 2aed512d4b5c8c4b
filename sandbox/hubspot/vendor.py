"""The HubSpot sandbox: one portal per account, its wire API and what people do in its own pages."""

import zlib
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.hubspot.api import Api
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.errors import HubSpotError
from sandbox.hubspot.events import Events
from sandbox.hubspot.metering import INTERVAL_SECONDS, OAUTH_BURST, SEARCHES_PER_SECOND, Metering
from sandbox.hubspot.oauth import OAuth
from sandbox.hubspot.objects import ENTITIES
from sandbox.hubspot.people import People
from sandbox.hubspot.records import Records
from sandbox.hubspot.seeding import HubSpotSeeder
from sandbox.hubspot.setup import Setup
from sandbox.hubspot.tokens import Tokens, account_in
from sandbox.kit.administered import SETUP, AdministeredVendor
from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record
from sandbox.kit.webhooks import Webhooks

_HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><center>cloudflare</center></body></html>"


class HubSpotSandbox(AdministeredVendor[Setup]):
    """Beside the sample entities, `setup` holds one record, `portal`: what an administrator can switch."""

    name: ClassVar[str] = "hubspot"
    entities: ClassVar[tuple[str, ...]] = (*ENTITIES, SETUP)
    behaviours: ClassVar[frozenset[str]] = frozenset({"latencyMs", "clockSkewSeconds", "indexLagSeconds"})
    faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks, Setup())
        portal_id = 10_000_000 + zlib.crc32(account.encode()) % 80_000_000
        self._records = Records(portal_id, self.clock, self.behaviour, self.switches)
        self._associations = Associations(self._records)
        self._tokens = Tokens(account)
        self._metering = Metering(limits)
        self._oauth = OAuth(self._tokens, portal_id, self.switches)
        self._api = Api(self._records, self._associations, self._tokens, self._metering)
        self.people = People(self._records, self._associations)
        self._seeder = HubSpotSeeder(self._records, self._associations)
        self._events = Events(webhooks, portal_id, portal_id % 100_000)
        self._records.changed = self._events.announce
        self._records.moved = self._associations.move
        # HubSpot signs with the app's own secret, unless a test gives another.
        webhooks.secret = webhooks.secret or self._tokens.client_secret

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return account_in(request, body)

    async def handle(self, request: Request) -> Response:
        if request.url.path.startswith("/oauth/"):
            return await self._oauth.handle(request)
        return await self._api.handle(request)

    async def partial_failure(self, request: Request) -> Response:
        if "/batch/" not in request.url.path:
            return await self.handle(request)
        return await self._api.handle(request, broken_rows=True)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """A limit holds for `retry_after` seconds on all calls; there is no header (sheet 5). 503 is Cloudflare's."""
        if kind is FaultKind.ERROR_503:
            return Response(_HTML_502.replace("502 Bad Gateway", "503"), 503, media_type="text/html")
        if kind is FaultKind.ERROR_500:
            return self._api.refused(HubSpotError(500, "internal error"))
        self._metering.limit_for(retry_after or 0)
        search = request.url.path.endswith("/search")
        return self._api.refused(self._metering.refusal(search=search), search=search)

    def reset(self) -> None:
        self.set_up(self.fresh())
        self._records.clear()
        self._associations.clear()
        self._seeder.known.clear()
        self._tokens.restore()
        self._metering.refill()

    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        return self._seeder.seed(entity, count, seed, offset)

    def shown(self) -> Record:
        """What a private app would be given."""
        return {"portalId": self._records.portal_id, "privateAppToken": self._tokens.private_token}

    def credentials(self, base_url: str) -> Record:
        """A consent of its own to the portal's app. Without `limits` while they are off."""
        grant = self._tokens.new_grant()
        access = self._tokens.new_access(grant, self.switches.access_token_seconds)
        granted: Record = {
            "baseUrl": base_url,
            "clientId": self._tokens.client_id,
            "clientSecret": self._tokens.client_secret,
            "refreshToken": grant.refresh_token,
            "accessToken": access.token,
            "expiresAt": iso(access.expires),
        }
        if self.limits.enabled:
            rate = OAUTH_BURST / (INTERVAL_SECONDS + 2) * self.limits.scale
            granted["limits"] = {
                "requestsPerSecond": round(rate, 2),
                "searchesPerSecond": SEARCHES_PER_SECOND * self.limits.scale,
            }
        return granted

    def auth_action(self, action: str) -> None:
        if action == "expire_access_token":
            self._tokens.expire()
        elif action == "revoke_grant":
            self._tokens.revoke_all()
        else:
            self._tokens.restore()

    def dump(self) -> Record:
        return {
            "records": self._records.dump(),
            "associations": self._associations.dump(),
            "tokens": self._tokens.dump(),
            "seeded": self._seeder.known,
            "setup": self.switches.data(),
        }

    def load(self, data: Record) -> None:
        self.set_up(Setup.model_validate(data["setup"]))
        self._records.load(data["records"])
        self._associations.load(data["associations"])
        self._tokens.load(data["tokens"])
        self._seeder.known = dict(data["seeded"])
