"""Why a call is refused: one exception per answer, with the fields to put right."""

from __future__ import annotations

from collections.abc import Sequence

from core.problems import Problem


class Refused(Exception):
    """A call that is not carried out. `status` is the HTTP status; `problems` name fields of the call's body."""

    status = 400

    def __init__(self, detail: str, problems: Sequence[Problem] = ()) -> None:
        """Take the reason, for people, and what to put right."""
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)


class Invalid(Refused):
    """The call asks for something that cannot be."""

    status = 422

    def __init__(self, *problems: Problem) -> None:
        """Take the problems, at least one."""
        first = f"{problems[0].path}: {problems[0].message}"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(first + more, problems)


class NotTrusted(Refused):
    """The call is not from whom it says."""

    status = 401


class Missing(Refused):
    """There is no such thing."""

    status = 404


class Clash(Refused):
    """The call does not fit where things stand."""

    status = 409


class Unavailable(Refused):
    """Something that the call needs cannot be reached now; the same call may work later."""

    status = 503


def invalid(field: str, message: str) -> Invalid:
    """Return the refusal of one field."""
    return Invalid(Problem(field, message))
