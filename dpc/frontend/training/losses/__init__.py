"""Losses: one file each, found by name through `losses`."""

from dpc.frontend.training.losses.base import Loss, losses

__all__ = ["Loss", "losses"]
