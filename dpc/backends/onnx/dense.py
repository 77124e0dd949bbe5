"""One net on rows, and its adjoint: y = act(x W + b) [* idt] [+ x or (x, x)] layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable

from dpc.backends.onnx.emission import Emission
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.params import Layer, NetBank, Shortcut

Function = Callable[[Tensor], Tensor]

_A, _B = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(x: Tensor) -> Tensor:
    return (_A * x * (1.0 + _B * x * x)).op("Tanh")


def _gelu_slope(x: Tensor) -> Tensor:
    t = _gelu_tanh(x)
    return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * (_A + 3 * _A * _B * x * x)


def _tanh_slope(x: Tensor) -> Tensor:
    t = x.op("Tanh")
    return 1.0 - t * t


def _sigmoid_slope(x: Tensor) -> Tensor:
    y = x.op("Sigmoid")
    return y * (1.0 - y)


def _softplus(x: Tensor) -> Tensor:
    """Not op Softplus, whose exp(x) overflows in ONNX Runtime."""
    return x.op("Relu") + (1.0 + (-x.op("Abs")).op("Exp")).op("Log")


def _inside(x: Tensor) -> Tensor:
    return x.greater(0.0) & x.less(6.0)


# each activation and its slope; no slope is 1
ACTIVATIONS: dict[str, tuple[Function, Function | None]] = {
    "linear": (lambda x: x, None),
    "tanh": (lambda x: x.op("Tanh"), _tanh_slope),
    "sigmoid": (lambda x: x.op("Sigmoid"), _sigmoid_slope),
    "softplus": (_softplus, lambda x: x.op("Sigmoid")),
    "gelu": (lambda x: 0.5 * x * (1.0 + _gelu_tanh(x)), _gelu_slope),
    "relu": (lambda x: x.op("Relu"), lambda x: x.greater(0.0).cast(x.dtype)),
    "relu6": (lambda x: x.clip(0.0, 6.0), lambda x: _inside(x).cast(x.dtype)),
}


class Net:
    """Net k of a bank: `forward` on rows [.., inputs], `backward` to their adjoint."""

    def __init__(self, e: Emission, bank: NetBank, k: int) -> None:
        self.e = e
        self.layers = bank.layers
        self.at = f"{bank.name}.{k}"

    def forward(self, x: Tensor) -> Tensor:
        """What the net gives for x."""
        for i in range(len(self.layers)):
            x = self._layer(i, x)
        return x

    def backward(self, x: Tensor, d: Tensor) -> Tensor:
        """The adjoint of x, given that of the result."""
        inputs = [x]
        for i in range(len(self.layers) - 1):
            inputs.append(self._layer(i, inputs[-1]))
        for i, at in reversed(list(enumerate(inputs))):
            d = self._layer_backward(i, at, d)
        return d

    def _tensor(self, i: int, what: str) -> Tensor:
        return self.e.stored(f"{self.at}.{i}.{what}")

    def _before_activation(self, i: int, x: Tensor) -> Tensor:
        return x @ self._tensor(i, "weight") + self._tensor(i, "bias")

    def _layer(self, i: int, x: Tensor) -> Tensor:
        layer = self.layers[i]
        value, _ = ACTIVATIONS[layer.activation]
        y = value(self._before_activation(i, x))
        if layer.timestep:
            y = y * self._tensor(i, "idt")
        return y if layer.shortcut is Shortcut.NONE else y + _doubled(layer, x)

    def _layer_backward(self, i: int, x: Tensor, d: Tensor) -> Tensor:
        layer = self.layers[i]
        _, slope = ACTIVATIONS[layer.activation]
        through = d * self._tensor(i, "idt") if layer.timestep else d
        if slope is not None:
            through = through * slope(self._before_activation(i, x))
        dx = through @ self._tensor(i, "weight").transpose(1, 0)
        if layer.shortcut is Shortcut.SAME:
            return dx + d
        if layer.shortcut is Shortcut.DOUBLE:
            half = layer.inputs
            return dx + d.slice(-1, 0, half) + d.slice(-1, half, 2 * half)
        return dx


def _doubled(layer: Layer, x: Tensor) -> Tensor:
    """What the shortcut of a layer adds: x or (x, x)."""
    return concat([x, x], axis=-1) if layer.shortcut is Shortcut.DOUBLE else x
