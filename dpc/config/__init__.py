"""The training input of DeePMD-kit, v2 and v3: read, checked and made explicit."""

from dpc.config.input import Input, read_input

__all__ = ["Input", "read_input"]
