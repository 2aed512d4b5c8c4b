"""The pure heart of External Sync: records, configuration, mapping, merge, matching and errors. No I/O, no clock."""
