"""Circuits on boards from Python, through PYNQ: a card and the simulated circuit by the same lines.

    from dpc.boards import ModelOverlay, SimulatedDevice

    model = ModelOverlay("water-vu9p.dpc", device=SimulatedDevice())
    energy, force, virial, _ = model.evaluate(coord, ["O", "H", "H"], cell)

Needs pynq, numpy, and nothing else of dpc's.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dpc.errors import ToolError

if TYPE_CHECKING:
    from dpc.boards.overlay import ModelOverlay
    from dpc.boards.simulated import SimulatedDevice

__all__ = ["ModelOverlay", "SimulatedDevice"]

_WHERE = {"ModelOverlay": "overlay", "SimulatedDevice": "simulated"}


def __getattr__(name: str) -> Any:
    """Classes of PYNQ are subclassed: it is imported when one is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import pynq  # noqa: F401
    except ImportError as error:
        raise ToolError(
            f"boards need pynq ({error}). It wants older numpy and protobuf than the rest of dpc: "
            "pip install 'dpc[pynq]' in an environment of its own"
        ) from None
    return getattr(importlib.import_module(f"dpc.boards.{_WHERE[name]}"), name)
