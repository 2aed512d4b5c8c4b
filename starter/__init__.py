"""What starts and steers the sync: HTTP API, schedules, command line, and the parts for one machine."""
