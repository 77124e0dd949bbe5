"""Libraries that only model files need; a missing one is an error, not a traceback."""

from __future__ import annotations

import importlib
from typing import Any

from dpc.errors import ToolError


def library(module: str, package: str) -> Any:
    """Import a module, or say which package is missing and how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ToolError(
            f"this model file needs the Python package {package} ({error}). "
            "Install it with:\n    pip install 'dpc[models]'"
        ) from error
