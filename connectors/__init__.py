"""Connectors: what each system can do, as small capabilities; one package per system with its facts as data."""
