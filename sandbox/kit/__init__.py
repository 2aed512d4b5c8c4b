"""What all sandboxes share: control API, faults, call log, limits, webhooks, sample companies, servers."""
