"""The guided scenario: every part on this machine, real edits and real trouble, each outcome read from both systems."""
