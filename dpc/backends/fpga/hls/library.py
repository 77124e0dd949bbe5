"""The import of hls4ml, with a hint when it is not installed."""

from __future__ import annotations

from typing import Any

from dpc.errors import ToolError


def hls4ml() -> Any:
    """The package."""
    try:
        import hls4ml
    except ImportError as error:
        raise ToolError(f"--flow hls needs hls4ml ({error}): pip install 'dpc[hls]'") from None
    return hls4ml
