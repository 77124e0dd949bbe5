"""The integers of a fitting net as leaves of a gradient, and that gradient in the model's weights.

An integer is round(weight 2^frac): d loss / d weight = 2^frac d loss / d integer. The binary point
of a column of weights follows its largest weight, so none is clipped for good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from dpc.frontend.fittings.energy import EnergyFitting
from dpc.frontend.training.steps.dense import add_gradient
from dpc.ir.fixed.shape import Z_FRAC, Contents
from dpc.ir.types import NumpyArray

PARTS = ("weight", "bias", "idt")


@dataclass(frozen=True)
class FirstLayer:
    """How the first layer of a circuit comes from that of a model.

    Row p of the model's weights goes into row `into[p]` of the circuit's (products that are
    equal are computed once), times `scale[t, into[p]]` for type t.
    """

    into: NumpyArray  # [model's inputs]
    scale: NumpyArray  # [ntypes, K]


class Leaves:
    """Contents whose fitting net is leaves; one evaluation."""

    def __init__(self, m: Contents) -> None:
        self.plain = m
        layers = [
            replace(layer, **{part: _leaf(getattr(layer, part)) for part in PARTS})
            for layer in m.layers
        ]
        self.contents = replace(
            m,
            layers=tuple(layers),
            head=_leaf(m.head),
            head_bias=_leaf(m.head_bias),
            head_back=_leaf(m.head_back),
        )

    @torch.no_grad()
    def give(self, fitting: EnergyFitting, first: FirstLayer) -> None:
        """Add the gradient to `.grad` of the fitting's parameters."""
        m, frac = self.plain, self.plain.frac
        for k, (own, leaf) in enumerate(zip(m.layers, self._layers(), strict=True)):
            frac_in = frac["d"] if k == 0 else frac["a"]
            column = own.z_shift + Z_FRAC  # fraction bits of the sum: frac_in + those of weights
            weight = _grad(leaf.weight) * np.exp2(column - frac_in)[:, None]
            if k == 0:
                weight = (weight * first.scale[:, :, None])[:, first.into]
            bias = _grad(leaf.bias) * np.exp2(column)
            idt = _grad(leaf.idt) * 2.0 ** idt_frac(m, k)
            for t, net in enumerate(fitting.nets):
                _add(net[k].weight, weight[t])
                _add(net[k].bias, bias[t])
                _add(net[k].idt, idt[t])
        c: Any = self.contents
        head = _grad(c.head) * 2.0 ** frac["head"] + _grad(c.head_back) * 2.0 ** frac["back"]
        head_bias = _grad(c.head_bias) * 2.0 ** (frac["a"] + frac["head"])
        for t, net in enumerate(fitting.nets):
            _add(net[-1].weight, head[t][:, None])
            _add(net[-1].bias, head_bias[t : t + 1])

    def _layers(self) -> Any:
        return self.contents.layers


def idt_frac(m: Contents, layer: int) -> int:
    """Fraction bits of a layer's idt, from the shift of its activations."""
    shift: Any = m.shift
    return int(shift["y"][layer]) + m.frac["a"] - m.shape.act_frac[0]


def _leaf(x: NumpyArray) -> Any:
    return torch.from_numpy(x.astype(np.float64)).requires_grad_()


def _grad(leaf: Any) -> NumpyArray:
    return np.zeros(leaf.shape) if leaf.grad is None else np.asarray(leaf.grad.numpy())


def _add(parameter: nn.Parameter | None, grad: NumpyArray) -> None:
    if parameter is not None:
        add_gradient(parameter, torch.from_numpy(np.ascontiguousarray(grad)).to(parameter.dtype))
