"""The NetSuite sandbox: one NetSuite account per account, its wire API and what people do in its own pages."""

from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.administered import SETUP, AdministeredVendor
from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record
from sandbox.kit.webhooks import Webhooks
from sandbox.netsuite import oauth
from sandbox.netsuite.api import Api
from sandbox.netsuite.errors import NetSuiteError, too_many
from sandbox.netsuite.events import Events
from sandbox.netsuite.governance import Governance
from sandbox.netsuite.people import People
from sandbox.netsuite.record_types import ENTITIES
from sandbox.netsuite.records import Records
from sandbox.netsuite.seeding import NetSuiteSeeder
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.tokens import Tokens, account_in

_HTML_503 = "<html><head><title>503 Service Unavailable</title></head><body>Service Unavailable</body></html>"


class NetSuiteSandbox(AdministeredVendor[Setup]):
    """Beside the sample entities, `setup` holds one record, `company`: what an administrator can switch."""

    name: ClassVar[str] = "netsuite"
    entities: ClassVar[tuple[str, ...]] = (*ENTITIES, SETUP)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks, Setup())
        self._records = Records(self.clock, self.switches)
        self._tokens = Tokens(account)
        self._governance = Governance(limits)
        self._oauth = oauth.OAuth(self._tokens, self.switches)
        self._api = Api(self._records, self._tokens, self._governance, self.switches)
        self.people = People(self._records)
        self._seeder = NetSuiteSeeder(self._records)
        self._events = Events(webhooks, self._records, self._tokens.netsuite_account)

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return account_in(request, body)

    async def handle(self, request: Request) -> Response:
        return await self.handle_slowly(request, 0.0)

    async def handle_slowly(self, request: Request, seconds: float) -> Response:
        """A call holds one of the account's slots for as long as it takes."""
        if request.url.path == oauth.PATH and request.method == "POST":
            return await self._oauth.handle(request)
        return await self._api.handle(request, seconds)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        """A limit holds for `retry_after` seconds on all calls; there is no header (sheet 5)."""
        if kind is FaultKind.ERROR_503:
            return Response(_HTML_503, 503, media_type="text/html")
        if kind is FaultKind.ERROR_500:
            detail = "An unexpected error occurred. Error ID: lq5xkq0x1l8v3n"
            return self._api.refused(NetSuiteError(500, detail, "UNEXPECTED_ERROR"))
        self._governance.block(retry_after or 0)
        return self._api.refused(too_many())

    def reset(self) -> None:
        self.set_up(Setup())
        self._records.clear()
        self._api.queries.mirror.rebuild()
        self._api.jobs.clear()
        self._seeder.known.clear()
        self._governance.refill()

    def make_samples(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        return self._seeder.seed(entity, count, seed, offset)

    def shown(self) -> Record:
        return {"account": self._tokens.netsuite_account, "clientId": self._tokens.client_id}

    def set_up(self, switches: Setup) -> None:
        """The lookups and their copies go by the switches."""
        super().set_up(switches)
        self._records.refresh_lookups()
        self._api.queries.mirror.rebuild()

    def credentials(self, base_url: str) -> Record:
        """A certificate and a token pair of their own, with a living access token. No `limits` while they are off."""
        mapping, pair = self._tokens.new_mapping(), self._tokens.new_pair()
        token = self._tokens.new_access(self.switches.access_token_seconds)
        granted: Record = {
            "baseUrl": base_url,
            "account": self._tokens.netsuite_account,
            "clientId": self._tokens.client_id,
            "certificateId": mapping.id,
            "privateKey": mapping.private_key,
            "consumerKey": pair.consumer_key,
            "consumerSecret": pair.consumer_secret,
            "tokenId": pair.token_id,
            "tokenSecret": pair.token_secret,
            "accessToken": token,
            "expiresAt": iso(self._tokens.ends(token)),
        }
        if self.limits.enabled:
            granted["limits"] = {"concurrent": self._governance.slots}
        return granted

    def auth_action(self, action: str) -> None:
        if action == "expire_access_token":
            self._tokens.expire()
        elif action == "revoke_grant":
            self._tokens.revoke_all()

    def dump(self) -> Record:
        return {
            "records": self._records.dump(),
            "tokens": self._tokens.dump(),
            "seeded": self._seeder.known,
            "setup": self.switches.data(),
        }

    def load(self, data: Record) -> None:
        self.set_up(Setup.model_validate(data["setup"]))
        self._records.load(data["records"])
        self._api.queries.mirror.rebuild()
        self._tokens.load(data["tokens"])
        self._seeder.known = dict(data["seeded"])
