"""The command line, `external-sync`. Everything but the parts themselves goes through the HTTP API."""

from starter.cli.app import main

__all__ = ["main"]
