"""Finds in data what ruins trainings. One family of checks, one file."""

from dpc.data.checks.findings import Finding, Level
from dpc.data.checks.run import Checked, check_data

__all__ = ["Checked", "Finding", "Level", "check_data"]
