"""The Alguna sandbox: API v2 (version 2026-04-01) with its billing rules and Svix-signed webhooks."""
