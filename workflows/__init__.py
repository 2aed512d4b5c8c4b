"""Workflows: orchestration only. They hold references and counts; whatever touches the world is an activity."""
