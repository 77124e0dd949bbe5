"""The kernels' formulas in NumPy, [atom, feature]."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from dpc.backends.tvm.kernels.layer import Layer


def activation(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(value, slope), in extended precision where the machine has it, without cancellation."""
    x = np.asarray(z, np.longdouble)
    value, slope = _activation(name, x)
    return value.astype(np.float64), slope.astype(np.float64)


def _activation(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    e = np.exp(-np.abs(x))
    sigmoid, sigmoid_slope = np.where(x < 0, e, 1) / (1 + e), e / (1 + e) ** 2
    if name == "tanh":
        e2 = np.exp(-2 * np.abs(x))
        return np.tanh(x), 4 * e2 / (1 + e2) ** 2
    if name == "relu":
        return np.maximum(x, 0), (x > 0) * np.ones_like(x)
    if name == "relu6":
        return np.clip(x, 0, 6), ((x > 0) & (x < 6)) * np.ones_like(x)
    if name == "sigmoid":
        return sigmoid, sigmoid_slope
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(e), sigmoid
    if name in ("gelu", "gelu_tf"):
        c, a = np.sqrt(2 / np.longdouble(np.pi)), np.longdouble("0.044715")
        near = np.clip(x, -50, 50)
        y = c * (near + a * near**3)
        gate, (_, tanh_slope) = (1 + np.tanh(y)) / 2, _activation("tanh", y)
        return x * gate, gate + near * tanh_slope * c * (1 + 3 * a * near**2) / 2
    return x, np.ones_like(x)


def random_tensors(layers: tuple[Layer, ...], seed: int) -> dict[str, np.ndarray]:
    """Weights like those of a trained net: activations neither dead nor saturated."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for i, layer in enumerate(layers):
        scale = 1 / math.sqrt(layer.inputs)
        tensors[f"{i}.weight"] = rng.normal(size=(layer.inputs, layer.outputs)) * scale
        tensors[f"{i}.bias"] = rng.normal(size=layer.outputs) * 0.3
        if layer.timestep:
            tensors[f"{i}.idt"] = rng.normal(0.4, 0.1, size=layer.outputs)
    return tensors


def net(
    layers: tuple[Layer, ...],
    tensors: dict[str, np.ndarray],
    x: np.ndarray,
    dy: np.ndarray | None,
    bf16: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """(y, gradient of sum(dy * y) by x); dy None: ones.

    `bf16` rounds the operands of the products between the first and the last layer.
    """

    def product(number: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if bf16 and 0 < number < len(layers) - 1:
            return bf16(a) @ bf16(b)
        return a @ b

    slopes = []
    x = x.astype(np.float64)
    for i, layer in enumerate(layers):
        z = product(i, x, tensors[f"{i}.weight"]) + tensors[f"{i}.bias"]
        y, q = activation(layer.activation, z)
        if layer.timestep:
            y, q = y * tensors[f"{i}.idt"], q * tensors[f"{i}.idt"]
        if layer.resnet == "same":
            y = y + x
        elif layer.resnet == "double":
            y = y + np.concatenate([x, x], axis=-1)
        slopes.append(q)
        x = y
    g = np.ones_like(x) if dy is None else dy
    for i in reversed(range(len(layers))):
        back = product(i, g * slopes[i], tensors[f"{i}.weight"].T)
        k = layers[i].inputs
        if layers[i].resnet == "same":
            back = back + g
        elif layers[i].resnet == "double":
            back = back + g[:, :k] + g[:, k:]
        g = back
    return x, g
