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
from dpc.frontend.training.steps import kernels
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
            x = _skip(dense, x, y, dense.idt)
        self.y = x

    def back(self, bar: Tensor) -> Tensor:
        """d (sum_n bar_n y_n) / dx, [n, in]; bar [n, out]."""
        for layer in reversed(self.layers):
            layer.out = bar
            layer.back = bar if layer.linear else bar * layer.slope
            bar = _skip_back(layer, bar, layer.back)
        return bar

    def along(self, dx: Tensor) -> None:
        """Derivatives of all values along dx [n, in]."""
        for layer in self.layers:
            layer.dx = dx
            if layer.linear:
                break
            layer.dz = dx @ layer.weight
            dx = _skip(layer.dense, dx, layer.dz, layer.slope)

    def gradient(self, weight: Tensor, inputs: bool = True) -> Tensor | None:
        """Adds the gradient of S to the parameters; gives dS/dx if `inputs` are learned, too.

        weight [n, out] are the w_n.
        """
        bar = weight
        for layer in reversed(self.layers):
            assert layer.back is not None and layer.dx is not None
            if layer.linear:
                z_bar = bar
                add_gradient(layer.dense.bias, z_bar.sum(0))
            else:
                z_bar = _layer_back(layer, bar)
            self._weight_gradient(layer, z_bar, layer.dx, layer.back)
            if layer is self.layers[0] and not inputs:
                return None
            bar = _skip_back(layer, bar, z_bar)
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


def _layer_back(layer: _Layer, bar: Tensor) -> Tensor:
    """The adjoint of z; adds the gradients of bias and idt."""
    dense, z_bar = layer.dense, torch.empty_like(bar)
    kernels.call(
        "dpc_layer_back", *bar.shape, bar, layer.slope, layer.y, layer.dz, layer.back, layer.out,
        layer.rate, layer.curvature, z_bar, _sum_of(dense.bias),
        None if dense.idt is None else _sum_of(dense.idt), dtype=bar.dtype,
    )  # fmt: skip
    return z_bar


def _sum_of(parameter: Tensor) -> Tensor:
    """`.grad`, made where there is none; something else where the parameter does not learn."""
    if not parameter.requires_grad:
        return torch.zeros_like(parameter)
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _skip(dense: Dense, x: Tensor, y: Tensor, factor: Tensor | None) -> Tensor:
    """factor y, and what goes past the layer."""
    if dense.repeats == 1 and factor is not None:
        return torch.addcmul(x, y, factor)
    through = y if factor is None else y * factor
    if dense.repeats == 0:
        return through
    return through + (x if dense.repeats == 1 else torch.cat([x, x], 1))


def _skip_back(layer: _Layer, bar: Tensor, z_bar: Tensor) -> Tensor:
    """The adjoint of the layer's input: through its weights and past them."""
    weight = layer.weight.T
    if layer.dense.repeats == 0:
        return z_bar @ weight
    if layer.dense.repeats == 1:
        return torch.addmm(bar, z_bar, weight)
    half = bar.shape[1] // 2
    return (bar[:, :half] + bar[:, half:]).addmm_(z_bar, weight)


def add_gradient(parameter: Tensor, gradient: Tensor) -> None:
    """To `.grad`, where the parameter learns."""
    if not parameter.requires_grad:
        return
    if parameter.grad is None:
        parameter.grad = gradient
    else:
        parameter.grad += gradient
