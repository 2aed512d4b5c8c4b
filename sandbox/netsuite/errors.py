"""NetSuite's error bodies (sheet 6). Business rules share one code, `USER_ERROR`; only the text tells them apart."""

from typing import Any

_TITLES = {
    400: ("Bad Request", "15.5.1"),
    401: ("Unauthorized", "15.5.2"),
    403: ("Forbidden", "15.5.4"),
    404: ("Not Found", "15.5.5"),
    405: ("Method Not Allowed", "15.5.6"),
    429: ("Bad Request", "15.5.1"),
    500: ("Internal Server Error", "15.6.1"),
}


class NetSuiteError(Exception):
    """A refusal. `where` holds the locators that apply: path, queryParam, header, url."""

    def __init__(self, status: int, detail: str, code: str, *, title: str | None = None, **where: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.title = title
        self.where = where
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, Any]:
        """The body as record v1 and SuiteQL give it."""
        title, section = _TITLES[self.status]
        locators = {f"o:error{name[0].upper()}{name[1:]}": value for name, value in self.where.items()}
        shown: dict[str, Any] = {
            "type": f"https://www.rfc-editor.org/rfc/rfc9110.html#section-{section}",
            "title": self.title or title,
            "status": self.status,
            "o:errorDetails": [{"detail": self.detail, "o:errorCode": self.code, **locators}],
        }
        if self.status == 429:
            shown["o:errorCode"] = "USER_ERROR"
        return shown


def user_error(detail: str, path: str | None = None) -> NetSuiteError:
    """A rule of the business says no."""
    return NetSuiteError(400, detail, "USER_ERROR", **({"path": path} if path else {}))


def missing(*labels: str) -> NetSuiteError:
    return user_error(f"Error while accessing a resource. Please enter value(s) for: {', '.join(labels)}.")


def bad_value(value: Any, name: str, path: str) -> NetSuiteError:
    """A value that the field does not take."""
    detail = f"Invalid content in the request body: invalid Field Value {value} for the following field: {name}."
    return NetSuiteError(400, detail, "INVALID_CONTENT", path=path)


def unknown_field(name: str, path: str) -> NetSuiteError:
    return NetSuiteError(400, f"Unknown reference or field '{name}'.", "NONEXISTENT_FIELD", path=path)


def bad_parameter(name: str, detail: str) -> NetSuiteError:
    return NetSuiteError(400, detail, "INVALID_PARAMETER", queryParam=name)


def bad_request(detail: str) -> NetSuiteError:
    return NetSuiteError(400, detail, "INVALID_REQUEST")


def no_such_record() -> NetSuiteError:
    detail = "The record instance does not exist. Provide a valid record instance ID."
    return NetSuiteError(404, detail, "NONEXISTENT_ID")


def no_such_type(name: str, url: str) -> NetSuiteError:
    return NetSuiteError(404, f"Record type '{name}' does not exist.", "NONEXISTENT_ID", url=url)


def not_logged_in() -> NetSuiteError:
    detail = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI."
    return NetSuiteError(401, detail, "INVALID_LOGIN")


def forbidden(permission: str) -> NetSuiteError:
    detail = f"Permission Violation: You need the '{permission}' permission to access this page."
    return NetSuiteError(403, detail, "INSUFFICIENT_PERMISSION")


def too_many() -> NetSuiteError:
    return NetSuiteError(429, "Concurrent request limit exceeded. Request blocked.", "CONCURRENCY_LIMIT_EXCEEDED")
