"""The Salesforce sandbox: one org per account, its wire API and what people do in its own pages."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.kit.administered import SETUP, AdministeredVendor
from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record
from sandbox.kit.webhooks import Webhooks
from sandbox.salesforce.api import DAILY_REQUESTS, Api
from sandbox.salesforce.ids import instance_of
from sandbox.salesforce.oauth import OAuth
from sandbox.salesforce.objects import ENTITIES
from sandbox.salesforce.outbound import OutboundMessages
from sandbox.salesforce.people import People
from sandbox.salesforce.records import Records
from sandbox.salesforce.seeding import SalesforceSeeder
from sandbox.salesforce.setup import Setup
from sandbox.salesforce.tokens import Tokens, account_in


class SalesforceSandbox(AdministeredVendor[Setup]):
    """Beside the sample entities, `setup` holds one record, `org`: what an administrator can switch."""

    name: ClassVar[str] = "salesforce"
    entities: ClassVar[tuple[str, ...]] = (*ENTITIES, SETUP)
    behaviours: ClassVar[frozenset[str]] = frozenset({"latencyMs", "clockSkewSeconds", "commitLagSeconds"})
    faults: ClassVar[frozenset[FaultKind]] = frozenset(FaultKind)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks, Setup())
        instance = instance_of(account)
        self._records = Records(instance, self.clock, self.behaviour, self.switches)
        self._tokens = Tokens(account, self._records.org_id, self.switches)
        self._oauth = OAuth(self._tokens, self._records)
        self._api = Api(self._records, self._oauth, limits)
        self.people = People(self._records)
        self._seeder = SalesforceSeeder(self._records)
        self._outbound = OutboundMessages(self._records, webhooks, instance)
        self._records.changed = self._outbound.announce

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return account_in(request, body)

    async def handle(self, request: Request) -> Response:
        path = request.url.path
        if path.startswith("/services/oauth2/"):
            return await self._oauth.handle(request)
        if path.rstrip("/") == "/services/data" or path.startswith("/services/data/"):
            return await self._api.handle(request)
        return Response("<html><body>URL No Longer Exists</body></html>", 404, media_type="text/html")

    async def partial_failure(self, request: Request) -> Response:
        if not request.url.path.startswith("/services/data/"):
            return await self.handle(request)
        return await self._api.handle(request, locked_rows=True)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """A limit holds for `retry_after` seconds on all calls; there is no header (sheet 5). 503 is a HTML page."""
        if kind is FaultKind.ERROR_503:
            return Response("<html><body>Service Unavailable</body></html>", 503, media_type="text/html")
        if kind is FaultKind.ERROR_500:
            message = "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1 (1)"
            return JSONResponse([{"message": message, "errorCode": "UNKNOWN_EXCEPTION"}], 500)
        if request.url.path.startswith("/services/oauth2/"):
            return Response("Too Many Requests", 429, media_type="text/html")
        return self._api.limit_for(retry_after)

    def reset(self) -> None:
        self.set_up(self.fresh())
        self._records.clear()
        self._seeder.known.clear()
        self._tokens.restore()
        self._api.queries.clear()
        self._api.refill()

    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        return self._seeder.seed(entity, count, seed, offset)

    def credentials(self, base_url: str) -> Record:
        """A connected app of its own, with a consent that has just been given; the key is the org's.

        Without `limits` while they are off.
        """
        client = self._tokens.new_client()
        grant = self._tokens.new_grant(client.id, refreshable=True)
        session = self._tokens.new_session(grant)
        user = self._records.tables["User"].rows[self._records.user_id]
        granted = {
            "instanceUrl": base_url,
            "baseUrl": base_url,
            "tokenUrl": f"{base_url}/services/oauth2/token",
            "clientId": client.id,
            "clientSecret": client.secret,
            "refreshToken": grant.refresh_token,
            "accessToken": session.token,
            "expiresAt": iso(session.expires),
            "username": user["Username"],
            "privateKey": self._oauth.private_pem(),
        }
        if self.limits.enabled:
            granted["limits"] = {"requestsPerDay": int(DAILY_REQUESTS * self.limits.scale)}
        return granted

    def auth_action(self, action: str) -> None:
        if action == "expire_access_token":
            self._tokens.sessions.clear()
        elif action == "revoke_grant":
            self._tokens.revoke_all()
        else:
            self._tokens.restore()

    def dump(self) -> Record:
        return {
            "records": self._records.dump(),
            "tokens": self._tokens.dump(),
            "seeded": self._seeder.known,
            "setup": self.switches.data(),
            "privateKey": self._oauth.private_pem(),
        }

    def load(self, data: Record) -> None:
        self.set_up(Setup.model_validate(data["setup"]))
        self._records.load(data["records"])
        self._tokens.load(data["tokens"])
        self._seeder.known = dict(data["seeded"])
        self._oauth.use_private_pem(data["privateKey"])
