"""Faults in the two shapes that Intuit has: the API's own, and the gateway's with lower-case keys (sheet 1, 5, 6)."""

import time
from typing import Any
from xml.sax.saxutils import escape

_XML_NAMESPACE = "http://schema.intuit.com/finance/v3"


class QuickBooksError(Exception):
    """A refused call. `code` is Intuit's number as text, `element` the property that is wrong."""

    def __init__(
        self, code: str, message: str, detail: str = "", *, element: str = "", kind: str = "ValidationFault",
        status: int = 400,
    ) -> None:  # fmt: skip
        super().__init__(f"{code}: {message}: {detail}")
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.kind = kind
        self.status = status

    @property
    def fault(self) -> dict[str, Any]:
        """The `Fault` of a body or of a batch item."""
        error = {"Message": self.message, "Detail": self.detail or self.message, "code": self.code}
        if self.element:
            error["element"] = self.element
        return {"Error": [error], "type": self.kind}

    def body(self, at: str) -> dict[str, Any]:
        return {"Fault": self.fault, "time": at}


class GatewayError(QuickBooksError):
    """A refusal by the gateway before the API is reached: 401, 403, 429."""

    @property
    def text(self) -> str:
        return f"message={self.message}; errorCode={self.code.zfill(6)}; statusCode={self.status}"

    def body(self, at: str) -> dict[str, Any]:
        error = {"message": self.text, "detail": self.detail or None, "code": self.code, "element": None}
        return {
            "warnings": None,
            "intuitObject": None,
            "fault": {"error": [error], "type": self.kind},
            "report": None,
            "queryResponse": None,
            "batchItemResponse": [],
            "attachableResponse": [],
            "syncErrorResponse": None,
            "requestId": None,
            "time": round(time.time() * 1000),
            "status": None,
            "cdcresponse": [],
        }

    def xml(self, at: str) -> str:
        return (
            f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse time="{at}" '
            f'xmlns="{_XML_NAMESPACE}"><Fault type="{self.kind}"><Error code="{self.code}">'
            f"<Message>{escape(self.text)}</Message><Detail>{escape(self.detail)}</Detail></Error></Fault>"
            "</IntuitResponse>"
        )


def unauthenticated(detail: str) -> GatewayError:
    return GatewayError("3200", "AuthenticationFailed", detail, kind="AUTHENTICATION", status=401)


def unauthorised() -> GatewayError:
    """The token belongs to another company or environment (sheet 1)."""
    return GatewayError("3100", "ApplicationAuthorizationFailed", kind="SERVICE", status=403)


def throttled(status: int) -> GatewayError:
    detail = "The request limit was reached.  Try again later"
    return GatewayError("3001", "ThrottleExceeded", detail, kind="SERVICE", status=status)


def system_failure(status: int = 500) -> QuickBooksError:
    message = "An application error has occurred while processing your request"
    return QuickBooksError("10000", message, "System Failure Error", kind="SystemFault", status=status)


def missing(element: str) -> QuickBooksError:
    detail = f"Required parameter {element} is missing in the request"
    return QuickBooksError("2020", "Required param missing, need to supply the required value for the API", detail,
                           element=element)  # fmt: skip


def not_found(what: str = "") -> QuickBooksError:
    detail = f"Object Not Found : Something you're trying to use has been made inactive or deleted. {what}".strip()
    return QuickBooksError("610", "Object Not Found", detail)


def inactive(what: str, element: str) -> QuickBooksError:
    detail = (
        "Object Not Found : Something you're trying to use has been made inactive. Check the fields with accounts, "
        f"customers, items, vendors or employees. ({what})"
    )
    return QuickBooksError("610", "Object Not Found", detail, element=element)


def bad_reference(what: str, value: str, element: str) -> QuickBooksError:
    detail = f"Invalid Reference Id : {what} element id {value} not found"
    return QuickBooksError("2500", "Invalid Reference Id", detail, element=element)


def duplicate_name(what: str, name: str, holder: str) -> QuickBooksError:
    detail = f"The name supplied already exists. : {what} {name} is already used by {holder}"
    return QuickBooksError("6240", "Duplicate Name Exists Error", detail)


def stale(name: str) -> QuickBooksError:
    detail = (
        f"Stale Object Error : You and {name} were working on this at the same time. {name} finished before you did, "
        "so your work was not saved."
    )
    return QuickBooksError("5010", "Stale Object Error", detail)


def business(detail: str, element: str = "") -> QuickBooksError:
    message = "A business validation error has occurred while processing your request"
    return QuickBooksError("6000", message, f"Business Validation Error: {detail}", element=element)
