"""Models in PyTorch: define, evaluate, lower. `Model` and `load_model` load torch when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpc.frontend.model import Model as Model
    from dpc.frontend.model import load_model as load_model

__all__ = ["Model", "load_model"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from dpc.frontend.library import library

        library("torch", "torch")
        from dpc.frontend import model

        return getattr(model, name)
    raise AttributeError(f"module 'dpc.frontend' has no attribute {name!r}")
