"""dpc, the Deep Potential compiler."""

__version__ = "0.1.0"
