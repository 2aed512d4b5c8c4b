"""Measurements: throughput against a bare script, and what a sync costs in calls, Temporal actions and memory."""
