"""The HTTP API. `create_app` makes it, `python -m starter.api` serves it."""

from starter.api.app import create_app

__all__ = ["create_app"]
