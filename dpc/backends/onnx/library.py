"""The onnx package, or the error that says how to get it."""

from __future__ import annotations

from dpc.errors import ToolError

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise ToolError(
        f"ONNX files need the package onnx, which cannot be imported: {error}. "
        "Install it with:\n    pip install 'dpc[onnx]'"
    ) from error

__all__ = ["helper", "numpy_helper", "onnx"]
