"""Compiled packages from Python: energies, forces and virials through libdpc."""

from __future__ import annotations

from dpc.md.runtime import LimitError, NumericError, PackageError, Potential

__all__ = ["LimitError", "NumericError", "PackageError", "Potential"]
