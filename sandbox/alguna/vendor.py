"""The Alguna sandbox as the kit serves it: gateway checks, limits, idempotency, credentials, state."""

import asyncio
import base64
import math
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.alguna import keys
from sandbox.alguna.api import Api, idempotency_headers, params_of
from sandbox.alguna.errors import ApiError, unauthenticated
from sandbox.alguna.events import Events
from sandbox.alguna.idempotency import IdempotencyKeys
from sandbox.alguna.organisation import Organisation
from sandbox.alguna.people import People
from sandbox.alguna.seeding import Seeding, add_integrations
from sandbox.alguna.store import Store
from sandbox.kit.faults import FaultKind
from sandbox.kit.limits import Limits, TokenBucket
from sandbox.kit.vendor import Record, Vendor
from sandbox.kit.webhooks import Webhooks

VERSION = "2026-04-01"
_PER_SECOND = 100
_MUTATING = ("POST", "PATCH", "PUT", "DELETE")


class AlgunaSandbox(Vendor):
    """One Alguna organisation behind API v2, version 2026-04-01."""

    name = "alguna"
    entities = ("accounts", "contacts", "subscriptions", "invoices", "payments")

    def __init__(self, account: str, limits: Limits, webhooks: Webhooks) -> None:
        super().__init__(account, limits, webhooks)
        self._keys = keys.ApiKeys(account)
        webhooks.secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
        self._begin(Store())

    @classmethod
    def account_of(cls, request: Request, body: bytes) -> str | None:
        return keys.account_of(request.headers.get("authorization"))

    async def handle(self, request: Request) -> Response:
        return await self.handle_slowly(request, 0.0)

    async def handle_slowly(self, request: Request, seconds: float) -> Response:
        """The key is taken on arrival, so a second call with it meets a 409 while the first is running."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        body = await request.body()
        key = request.headers.get("idempotency-key")
        if key is None or request.method not in _MUTATING:
            await asyncio.sleep(seconds)
            return self._api.answer(request, body)
        return await self._once(key, request, body, seconds)

    def fault_response(self, kind: FaultKind, request: Request, retry_after: float | None) -> Response:
        if kind is FaultKind.RATE_LIMIT:
            error = ApiError(429, "rate limit exceeded", retry_after=math.ceil(retry_after or 1))
        elif kind is FaultKind.ERROR_503:
            wait = None if retry_after is None else math.ceil(retry_after)
            error = ApiError(503, "service unavailable", retry_after=wait)
        else:
            error = ApiError(500, "internal server error")
        return _with_key(error.response(), request)

    def reset(self) -> None:
        self._api.org.due.clear()
        self._keys.set_all(live=True)
        self._begin(Store())

    def seed(self, entity: str, count: int, seed: int, offset: int) -> list[str]:
        return Seeding(self._api, seed).make(entity, range(offset, offset + count))

    def list_records(self, entity: str, limit: int | None, offset: int, deleted: bool) -> tuple[list[Record], int]:
        """Alguna keeps nothing of what is deleted, so `deleted` adds nothing."""
        return self._people.page(entity, limit, offset)

    def get_record(self, entity: str, record_id: str, deleted: bool) -> Record:
        return self._people.get(entity, record_id)

    def create_record(self, entity: str, values: Record) -> Record:
        return self._people.create(entity, values)

    def replace_record(self, entity: str, record_id: str, values: Record) -> Record:
        return self._people.replace(entity, record_id, values)

    def patch_record(self, entity: str, record_id: str, values: Record) -> Record:
        return self._people.patch(entity, record_id, values)

    def delete_record(self, entity: str, record_id: str) -> None:
        self._people.delete(entity, record_id)

    def credentials(self, base_url: str) -> Record:
        """`{"baseUrl","apiKey","webhookSecret","limits"}`; without `limits` while they are off."""
        granted: Record = {"baseUrl": base_url, "apiKey": self._keys.issue(), "webhookSecret": self.webhooks.secret}
        if self.limits.enabled:
            granted["limits"] = {"requestsPerSecond": self._bucket.rate}
        return granted

    def auth_action(self, action: str) -> None:
        self._keys.set_all(live=action == "restore")

    def dump(self) -> Record:
        return {
            "store": self._api.org.store.dump(),
            "due": self._api.org.due,
            "keys": self._keys.dump(),
            "idempotency": self._idempotency.dump(),
        }

    def load(self, data: dict[str, Any]) -> None:
        self._begin(Store.load(data["store"]))
        self._api.org.due = [(at, name, record_id) for at, name, record_id in data["due"]]
        self._keys.load(data["keys"])
        self._idempotency.load(data["idempotency"])

    def _begin(self, store: Store) -> None:
        org = Organisation(self.clock, Events(self.webhooks, self.clock))
        org.store = store
        add_integrations(org)
        self._api = Api(org)
        self._people = People(self._api)
        self._idempotency = IdempotencyKeys(self.clock)
        self._bucket = TokenBucket(self.limits, _PER_SECOND)

    def _refused(self, request: Request) -> Response | None:
        """What the gateway answers before the API sees the call: 401, then 400 for the version, then 429."""
        why = self._keys.refusal(request.headers.get("authorization"))
        if why is not None:
            return unauthenticated(why)
        if request.headers.get("alguna-version") != VERSION:
            detail = f"the Alguna-Version header must be a known version ({VERSION})"
            return ApiError(400, detail, titled=True).response()
        wait = self._bucket.take()
        if wait:
            return self.fault_response(FaultKind.RATE_LIMIT, request, wait)
        return None

    async def _once(self, key: str, request: Request, body: bytes, seconds: float) -> Response:
        try:
            kept = self._idempotency.begin(key, params_of(request, body))
        except ApiError as error:
            return _with_key(error.response(), request)
        if kept is not None:
            replay = Response(kept.body, kept.status, media_type="application/json" if kept.body else None)
            return _with_key(replay, request, replayed=True)
        try:
            await asyncio.sleep(seconds)
            response = self._api.answer(request, body)
        except BaseException:
            self._idempotency.release(key)
            raise
        self._idempotency.finish(key, response.status_code, bytes(response.body))
        return _with_key(response, request)


def _with_key(response: Response, request: Request, replayed: bool = False) -> Response:
    response.headers.update(idempotency_headers(request.headers, response.status_code, replayed))
    return response
