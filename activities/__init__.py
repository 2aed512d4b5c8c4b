"""Activities: thin joins of core, store and connectors. Workflows see only `contracts`, `interfaces` and `options`."""
