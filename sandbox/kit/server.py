"""The ASGI app of one sandbox: control API, else the vendor behind call log, latency and faults."""

import asyncio
import contextlib
import logging
import re
from email.utils import format_datetime
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.kit import spoilt
from sandbox.kit.accounts import Account
from sandbox.kit.control import control_app
from sandbox.kit.faults import FaultKind, FaultRule
from sandbox.kit.limits import Limits
from sandbox.kit.vendor import RecordError, Vendor

_log = logging.getLogger(__name__)
_ACCOUNT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_DEFAULT_ACCOUNT = "1"
_HANG_SECONDS = 300.0
_SLOW_SECONDS = 2.0
_SAVE_EVERY_SECONDS = 2.0


class Sandbox:
    """One vendor on one port, with any number of accounts, each made when it is first named.

    `start` and `stop` go around serving: they read and write the data directory (one file per account,
    `<vendor>-<account>.json`) and end what hangs.
    """

    def __init__(self, vendor_class: type[Vendor], limits: Limits | None = None, data_dir: Path | None = None) -> None:
        self._vendor_class = vendor_class
        self._limits = limits or Limits()
        self._data_dir = data_dir
        self._accounts: dict[str, Account] = {}
        self._control = control_app(self._account_of_control)
        self._stopping = asyncio.Event()
        self._saving: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("sandboxes speak HTTP only")
        if scope["path"].startswith("/_sandbox/"):
            await self._control(scope, receive, send)
            return
        body = await _read(receive)
        if body is not None:
            await self._vendor_call(scope, body, receive, send)

    def account(self, account_id: str) -> Account:
        """The account of that id, made when there is none. Raises RecordError for an impossible id."""
        if account_id not in self._accounts:
            if not _ACCOUNT_ID.fullmatch(account_id):
                raise RecordError(400, "account: 1 to 32 letters and digits")
            self._accounts[account_id] = Account(self._vendor_class, account_id, self._limits)
        return self._accounts[account_id]

    async def start(self) -> None:
        """Load the saved accounts and begin to save changes."""
        if self._data_dir is None:
            return
        self._data_dir.mkdir(parents=True, exist_ok=True)
        for path in sorted(self._data_dir.glob(f"{self._vendor_class.name}-*.json")):
            self.account(path.stem.removeprefix(f"{self._vendor_class.name}-")).restore(path)
        self._saving = asyncio.create_task(self._keep_saving(self._data_dir))

    def end_hanging_calls(self) -> None:
        """Cut the calls that a timeout fault holds, and let no new one hang."""
        self._stopping.set()

    async def stop(self) -> None:
        """Save what changed and give up pending webhooks."""
        self.end_hanging_calls()
        if self._saving is not None and self._data_dir is not None:
            self._saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._saving
            self._save(self._data_dir)
        for account in self._accounts.values():
            await account.webhooks.close()

    def _account_of_control(self, request: Request) -> Account:
        return self.account(request.query_params.get("account") or _DEFAULT_ACCOUNT)

    def _account_of_call(self, request: Request, body: bytes) -> Account:
        named = request.query_params.get("account") or self._vendor_class.account_of(request, body)
        return self.account(named or _DEFAULT_ACCOUNT)

    async def _vendor_call(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        request = Request(scope, _replay(body))
        try:
            account = self._account_of_call(request, body)
        except RecordError as error:
            await JSONResponse({"status": error.status, "detail": error.detail}, error.status)(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        call = account.calls.begin(method, path, scope["query_string"].decode("latin-1"), body)
        fault = account.faults.strike(method, path)
        response = await self._respond(account, request, fault, receive)
        if response is None:
            call.status = 0
            await spoilt.cut(receive, send)
            return
        call.status = response.status_code
        response.headers["date"] = format_datetime(account.vendor.clock.now(), usegmt=True)
        await response(scope, receive, send)

    async def _respond(
        self, account: Account, request: Request, fault: FaultRule | None, receive: Receive
    ) -> Response | None:
        """The reply to a vendor call; None when there shall be none."""
        latency = account.vendor.behaviour.latency_ms / 1000
        if fault is None:
            return await _handled(account, request, latency)
        match fault.fault:
            case FaultKind.RATE_LIMIT | FaultKind.ERROR_500 | FaultKind.ERROR_503:
                await asyncio.sleep(latency)
                return account.vendor.fault_response(fault.fault, request, fault.retry_after)
            case FaultKind.TIMEOUT:
                await self._hang(receive)
                return None
            case FaultKind.DROP_BEFORE_COMMIT:
                return None
            case FaultKind.DROP_AFTER_COMMIT:
                await _handled(account, request, latency)
                return None
            case FaultKind.HTML_ERROR | FaultKind.REDIRECT:
                await asyncio.sleep(latency)
                return spoilt.instead(fault.fault)
            case FaultKind.MALFORMED_BODY | FaultKind.EMPTY_BODY | FaultKind.TRUNCATED_BODY | FaultKind.WRONG_TYPE:
                return spoilt.spoil(fault.fault, await _handled(account, request, latency))
            case FaultKind.SLOW:
                delay = _SLOW_SECONDS if fault.retry_after is None else fault.retry_after
                return await _handled(account, request, latency + delay)
            case FaultKind.PARTIAL_FAILURE:
                await asyncio.sleep(latency)
                account.changed = True
                return await account.vendor.partial_failure(request)

    async def _hang(self, receive: Receive) -> None:
        """Keep the caller waiting until it goes away, the server stops or a very long time has passed."""
        waits = [asyncio.ensure_future(receive()), asyncio.ensure_future(self._stopping.wait())]
        await asyncio.wait(waits, timeout=_HANG_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _keep_saving(self, data_dir: Path) -> None:
        """Save now and then, at most a twentieth of the time, so that a kill loses little."""
        loop = asyncio.get_running_loop()
        pause = _SAVE_EVERY_SECONDS
        while True:
            await asyncio.sleep(pause)
            started = loop.time()
            self._save(data_dir)
            pause = max(_SAVE_EVERY_SECONDS, 20 * (loop.time() - started))

    def _save(self, data_dir: Path) -> None:
        for account in self._accounts.values():
            if account.changed:
                account.save(data_dir / f"{self._vendor_class.name}-{account.id}.json")


async def _handled(account: Account, request: Request, seconds: float) -> Response:
    """The vendor's own answer after `seconds`; its 500 where the emulator crashes: a defect, and so logged."""
    try:
        return await account.vendor.handle_slowly(request, seconds)
    except Exception:
        _log.exception("%s crashed on %s %s", account.vendor.name, request.method, request.url.path)
        return account.vendor.fault_response(FaultKind.ERROR_500, request, None)
    finally:
        if request.method not in ("GET", "HEAD"):
            account.changed = True


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the caller went away while sending it."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes) -> Receive:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
