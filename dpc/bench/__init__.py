"""Measurements: whole MD runs, ours and a peer's, by one procedure."""
