"""The schema of 0.1.0, by area: what revision 0001 creates."""
