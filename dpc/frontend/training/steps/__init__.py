"""One training step: errors, loss and its gradient. Fast ones by descriptor in `steps`."""

from dpc.frontend.training.steps.base import Step, make_step, steps

__all__ = ["Step", "make_step", "steps"]
