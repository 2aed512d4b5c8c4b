"""The Alguna connector, on Alguna's official SDK."""
