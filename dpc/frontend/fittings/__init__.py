"""Fittings: one file each, found by name through `fittings`."""

from dpc.frontend.fittings.base import Fitting, FittingConfig, fittings

__all__ = ["Fitting", "FittingConfig", "fittings"]
