"""A net with its first derivative along a direction, and the gradient of both: written out.

With h the values and h' their derivatives along a direction of the input, one pass back through

    S = sum_n w_n y_n + y'_n

gives every gradient that a loss of y and of dy/dx needs, provided the direction is the gradient of
the loss by dy/dx. The adjoint of h' is that of h in the pass that gave dy/dx, and is kept from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dpc.frontend.net import Dense, Mlp
from dpc.frontend.training.steps.fold import Fold


@dataclass
class _Layer:
    """What the passes keep of one layer; z = x W + b, y = act(z)."""

    dense: Dense
    weight: Tensor  # W, or that of a folded first layer
    linear: bool
    x: Tensor
    y: Tensor
    rate: Tensor  # act'(z)
    slope: Tensor  # idt act'(z)
    curvature: Tensor | None  # idt act''(z); of tanh it follows from y and the slope
    back: Tensor | None = None  # adjoint of z, of the sum of outputs
    out: Tensor | None = None  # adjoint of the layer's output, the same
    dx: Tensor | None = None  # derivative of x
    dz: Tensor | None = None  # derivative of z


class Passes:
    """Forward, back, along and gradient of one net on rows x [n, in]; the last layer is linear.

    Call them in this order, each once.
    """

    def __init__(self, net: Mlp, x: Tensor, activation: str, fold: Fold | None = None) -> None:
        self.layers: list[_Layer] = []
        self.fold = fold  # what x is in, of the first layer's input
        last = len(net) - 1
        for k, dense in enumerate(net):
            weight = fold.weight(dense.weight) if fold and k == 0 else dense.weight
            z = torch.addmm(dense.bias, x, weight)
            if k == last:
                self.layers.append(_Layer(dense, weight, True, x, z, z, z, None))
                x = z
                break
            y, rate, curvature = _derivatives(dense, z, activation)
            slope = rate if dense.idt is None else rate * dense.idt
            self.layers.append(_Layer(dense, weight, False, x, y, rate, slope, curvature))
            x = _skip(dense, x, y if dense.idt is None else y * dense.idt)
        self.y = x

    def back(self, bar: Tensor) -> Tensor:
        """d (sum_n bar_n y_n) / dx, [n, in]; bar [n, out]."""
        for layer in reversed(self.layers):
            layer.out = bar
            layer.back = bar if layer.linear else bar * layer.slope
            bar = _skip_back(layer.dense, bar, layer.back @ layer.weight.T)
        return bar

    def along(self, dx: Tensor) -> None:
        """Derivatives of all values along dx [n, in]."""
        for layer in self.layers:
            layer.dx = dx
            if layer.linear:
                break
            layer.dz = dx @ layer.weight
            dx = _skip(layer.dense, dx, layer.slope * layer.dz)

    def gradient(self, weight: Tensor, inputs: bool = True) -> Tensor | None:
        """Adds the gradient of S to the parameters; gives dS/dx if `inputs` are learned, too.

        weight [n, out] are the w_n.
        """
        bar = weight
        for layer in reversed(self.layers):
            dense, back, out, dx = layer.dense, layer.back, layer.out, layer.dx
            assert back is not None and out is not None and dx is not None
            if layer.dz is None:
                z_bar = bar
            else:
                z_bar = bar * layer.slope
                if layer.curvature is None:  # -2 y idt act'(z)
                    z_bar.addcmul_(layer.y * layer.dz, back, value=-2)
                else:
                    z_bar.addcmul_(out * layer.dz, layer.curvature)
                if dense.idt is not None:
                    add_gradient(
                        dense.idt, (bar * layer.y).addcmul_(out * layer.rate, layer.dz).sum(0)
                    )
            self._weight_gradient(layer, z_bar, dx, back)
            add_gradient(dense.bias, z_bar.sum(0))
            if layer is self.layers[0] and not inputs:
                return None
            bar = _skip_back(dense, bar, z_bar @ layer.weight.T)
        return bar

    def _weight_gradient(self, layer: _Layer, z_bar: Tensor, dx: Tensor, back: Tensor) -> None:
        """x^T z_bar + dx^T back, added in place: a matrix of a first layer is megabytes."""
        parameter = layer.dense.weight
        if not parameter.requires_grad:
            return
        folded = self.fold if layer is self.layers[0] else None
        if folded or parameter.grad is None:
            total = (layer.x.T @ z_bar).addmm_(dx.T, back)
            if folded:
                folded.add_gradient(parameter, total)
            else:
                add_gradient(parameter, total)
        else:
            parameter.grad.addmm_(layer.x.T, z_bar).addmm_(dx.T, back)


def _derivatives(dense: Dense, z: Tensor, activation: str) -> tuple[Tensor, Tensor, Tensor | None]:
    """act(z), act'(z), and idt act''(z) where it does not follow from them."""
    if activation == "tanh":
        y = torch.tanh(z)
        return y, torch.addcmul(torch.ones((), dtype=y.dtype), y, y, value=-1), None
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        y = dense.activation(z)
        (rate,) = torch.autograd.grad(y.sum(), z, create_graph=True)
        curvature = torch.zeros_like(z)
        if rate.requires_grad:
            (curvature,) = torch.autograd.grad(rate.sum(), z)
    if dense.idt is not None:
        curvature = curvature * dense.idt
    return y.detach(), rate.detach(), curvature.detach()


def _skip(dense: Dense, x: Tensor, y: Tensor) -> Tensor:
    if dense.repeats == 0:
        return y
    return y + (x if dense.repeats == 1 else torch.cat([x, x], 1))


def _skip_back(dense: Dense, bar: Tensor, through: Tensor) -> Tensor:
    """The adjoint of the layer's input: through its weights and past them."""
    if dense.repeats == 0:
        return through
    if dense.repeats == 1:
        return through + bar
    half = bar.shape[1] // 2
    return through + bar[:, :half] + bar[:, half:]


def add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    """To `.grad`, where the parameter learns."""
    if not parameter.requires_grad:
        return
    if parameter.grad is None:
        parameter.grad = gradient
    else:
        parameter.grad += gradient
