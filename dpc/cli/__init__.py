"""The dpc command: one command, one file."""
