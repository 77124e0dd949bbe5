"""Optimizers by the name in the `optimizer` section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def make_optimizer(
    section: dict[str, Any], parameters: Sequence[nn.Parameter]
) -> torch.optim.Optimizer:
    """The optimizer of a normalised section; its learning rate is set before every step."""
    kind = section["type"]
    betas = (section["adam_beta1"], section["adam_beta2"])
    decay = section["weight_decay"]
    if kind == "Adam":
        return torch.optim.Adam(parameters, betas=betas, weight_decay=decay, fused=True)
    if kind == "AdamW":
        return torch.optim.AdamW(parameters, betas=betas, weight_decay=decay, fused=True)
    return Muon(parameters, section)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


class Muon(torch.optim.Optimizer):
    """Matrices move along the orthogonal part of their momentum, everything else by Adam.

    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024).
    """

    def __init__(self, parameters: Sequence[nn.Parameter], section: dict[str, Any]) -> None:
        matrices = [p for p in parameters if p.dim() == 2 and min(p.shape) > 1]
        rest = [p for p in parameters if not (p.dim() == 2 and min(p.shape) > 1)]
        scale = 1 / section["lr_adjust"] if section["lr_adjust"] else 1.0
        groups = [
            {"params": matrices, "matrices": True, "lr_scale": 1.0},
            {"params": rest, "matrices": False, "lr_scale": scale},
        ]
        super().__init__([g for g in groups if g["params"]], {"lr": 1e-3})
        self.section = section

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    (self._matrix if group["matrices"] else self._adam)(p, group["lr"])

    def _matrix(self, p: Tensor, rate: float) -> None:
        state, options = self.state[p], self.section
        if not state:
            state["momentum"] = torch.zeros_like(p)
        momentum = state["momentum"]
        momentum.lerp_(p.grad, 1 - options["momentum"])
        direction = orthogonal(p.grad.lerp(momentum, options["momentum"]))
        size = max(1.0, p.shape[0] / p.shape[1]) ** 0.5
        if not options["lr_adjust"]:
            size = options["lr_adjust_coeff"] * max(p.shape) ** 0.5
        p.mul_(1 - rate * options["weight_decay"]).add_(direction, alpha=-rate * size)

    def _adam(self, p: Tensor, rate: float) -> None:
        state, options = self.state[p], self.section
        if not state:
            state["steps"] = 0
            state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
        state["steps"] += 1
        one, two = options["adam_beta1"], options["adam_beta2"]
        state["mean"].lerp_(p.grad, 1 - one)
        state["square"].mul_(two).addcmul_(p.grad, p.grad, value=1 - two)
        mean = state["mean"] / (1 - one ** state["steps"])
        root = (state["square"] / (1 - two ** state["steps"])).sqrt_().add_(1e-8)
        p.addcdiv_(mean, root, value=-rate)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Nearly U V^T of the singular value decomposition, by a quintic Newton-Schulz iteration."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = (matrix if wide else matrix.T).to(torch.float32)
    x = x / (x.norm() + 1e-12)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x if wide else x.T).to(matrix.dtype)
