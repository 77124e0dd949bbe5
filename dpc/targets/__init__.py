"""What a machine is: facts and limits, no code generation."""

from dpc.targets.target import Target, parse_target

__all__ = ["Target", "parse_target"]
