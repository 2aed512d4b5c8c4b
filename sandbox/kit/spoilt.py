"""Answers that went wrong on their way: no answer, half of one, another than was meant, or one of somebody else."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.kit.faults import FaultKind

ELSEWHERE = "http://elsewhere.invalid/collect"
_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body>" + "<p>The server is busy.</p>" * 2000 + "</body></html>"
)


def instead(kind: FaultKind) -> Response:
    """What answers in the vendor's place, which has done nothing."""
    if kind is FaultKind.REDIRECT:
        return Response(status_code=307, headers={"location": ELSEWHERE})
    return Response(_PAGE, 502, media_type="text/html")


def spoil(kind: FaultKind, answer: Response) -> Response:
    """The vendor's answer to what it has done, as it arrives."""
    body = bytes(answer.body)
    match kind:
        case FaultKind.EMPTY_BODY:
            return Response(b"", 200, media_type="application/json")
        case FaultKind.TRUNCATED_BODY:
            return _Truncated(body, answer.status_code, media_type="application/json")
        case FaultKind.WRONG_TYPE:
            return Response(body, answer.status_code, media_type="text/html")
        case _:
            # A 200 whose JSON stops in the middle.
            return Response(body[: len(body) // 2] or b'{"', 200, media_type="application/json")


class _Truncated(Response):
    """Promises its whole length, sends half of it, and breaks the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await cut(receive, send)


async def cut(receive: Receive, send: Send) -> None:
    """Break the TCP connection without a reply.

    ASGI has no word for this. Under uvicorn the outermost `send` is a bound method of the request cycle, which
    holds the transport. Waiting for the disconnect keeps uvicorn from sending a 500 of its own.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("a connection can be cut under uvicorn only")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
