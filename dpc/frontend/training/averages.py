"""Means over steps: of errors, and of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class RunningMean:
    """The mean of errors since it was last taken."""

    def __init__(self) -> None:
        self.count, self.sums = 0, dict[str, float]()

    def add(self, errors: Mapping[str, float]) -> None:
        """One more step."""
        self.count += 1
        for name, value in errors.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """The mean; the next one begins anew."""
        means = {name: value / max(1, self.count) for name, value in self.sums.items()}
        self.count, self.sums = 0, {}
        return means


class Weights:
    """An exponential running mean of the weights: w_mean = decay w_mean + (1 - decay) w."""

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = list(parameters), decay
        self.means = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self) -> None:
        """After a step."""
        torch._foreach_lerp_(self.means, self.parameters, 1 - self.decay)

    @contextmanager
    def in_place(self):  # type: ignore[no-untyped-def]
        """The models with the means as their weights, meanwhile."""
        own = [p.detach().clone() for p in self.parameters]
        self._put(self.means)
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: Sequence[torch.Tensor]) -> None:
        for p, value in zip(self.parameters, values, strict=True):
            p.copy_(value)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"means": self.means}

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        for mean, saved in zip(self.means, state["means"], strict=True):
            mean.copy_(saved)
