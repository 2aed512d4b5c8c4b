"""The NetSuite sandbox: one NetSuite account per account, its wire API and what people do in its own pages."""

from typing import ClassVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.kit.clock import iso
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import Record, RecordError, Vendor
from sandbox.kit.webhooks import Webhooks
from sandbox.netsuite import oauth
from sandbox.netsuite.api import Api
from sandbox.netsuite.errors import NetSuiteError, too_many
from sandbox.netsuite.events import Events
from sandbox.netsuite.governance import Governance
from sandbox.netsuite.people import People
from sandbox.netsuite.record_types import ENTITIES
from sandbox.netsuite.records import Records
from sandbox.netsuite.seeding import Seeder
from sandbox.netsuite.setup import Setup
from sandbox.netsuite.tokens import Tokens, account_in

SETUP, COMPANY = "setup", "company"
_HTML_503 = "<html><head><title>503 Service Unavailable</title></head><body>Service Unavailable</body></html>"
_SHOWN_ONLY = {"id", "account", "clientId"}


class NetSuiteSandbox(Vendor):
    """Beside the sample entities, `setup` holds one record, `company`: what an administrator can switch."""

    name: ClassVar[str] = "netsuite"
    entities: ClassVar[tuple[str, ...]] = (*ENTITIES, SETUP)

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks)
        self._setup = Setup()
        self._records = Records(self.clock, self._setup)
        self._tokens = Tokens(account)
        self._governance = Governance(limits)
        self._oauth = oauth.OAuth(self._tokens, self._setup)
        self._api = Api(self._records, self._tokens, self._governance, self._setup)
        self._people = People(self._records)
        self._seeder = Seeder(self._records)
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
        self._set_up(Setup())
        self._records.clear()
        self._api.queries.mirror.rebuild()
        self._api.jobs.clear()
        self._seeder.known.clear()
        self._governance.refill()

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        if entity == SETUP:
            raise RecordError(422, f"{SETUP} cannot be seeded")
        with self._events.muted():
            return self._seeder.seed(entity, count, seed, offset)

    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        """Deletion is for good: `deleted` adds nothing."""
        if entity == SETUP:
            return [self._company()][offset:][:limit], 1
        return self._people.listed(entity, limit, offset)

    def get_record(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._company() if entity == SETUP else self._people.one(entity, record_id)

    def create_record(self, entity: str, values: Record) -> Record:
        return self.replace_record(SETUP, COMPANY, values) if entity == SETUP else self._people.create(entity, values)

    def replace_record(self, entity: str, record_id: str, values: Record) -> Record:
        if entity != SETUP:
            return self._people.replace(entity, record_id, values)
        self._set_up(_checked_setup(values))
        return self._company()

    def patch_record(self, entity: str, record_id: str, values: Record) -> Record:
        if entity != SETUP:
            return self._people.patch(entity, record_id, values)
        return self.replace_record(SETUP, COMPANY, {**self._setup.model_dump(mode="json", by_alias=True), **values})

    def delete_record(self, entity: str, record_id: str) -> None:
        if entity == SETUP:
            self._set_up(Setup())
        else:
            self._people.delete(entity, record_id)

    def credentials(self, base_url: str) -> Record:
        """A certificate and a token pair of their own, with a living access token. No `limits` while they are off."""
        mapping, pair = self._tokens.new_mapping(), self._tokens.new_pair()
        token = self._tokens.new_access(self._setup.access_token_seconds)
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
            "setup": self._setup.model_dump(mode="json", by_alias=True),
        }

    def load(self, data: Record) -> None:
        self._set_up(Setup.model_validate(data["setup"]))
        self._records.load(data["records"])
        self._api.queries.mirror.rebuild()
        self._tokens.load(data["tokens"])
        self._seeder.known = dict(data["seeded"])

    def _company(self) -> Record:
        return self._setup.record(account=self._tokens.netsuite_account, clientId=self._tokens.client_id)

    def _set_up(self, setup: Setup) -> None:
        """In place, because every part holds the same object."""
        for key in Setup.model_fields:
            setattr(self._setup, key, getattr(setup, key))
        self._records.refresh_lookups()
        self._api.queries.mirror.rebuild()


def _checked_setup(values: Record) -> Setup:
    try:
        return Setup.model_validate({key: value for key, value in values.items() if key not in _SHOWN_ONLY})
    except ValidationError as error:
        first = error.errors()[0]
        raise RecordError(422, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error
