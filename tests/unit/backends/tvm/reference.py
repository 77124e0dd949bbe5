"""The kernels' formulas in NumPy, [atom, feature]."""

from __future__ import annotations

import math

import numpy as np

from dpc.backends.tvm.kernels.net import Layer


def activation(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(value, slope)"""
    if name == "tanh":
        return np.tanh(z), 1 - np.tanh(z) ** 2
    if name == "relu":
        return np.maximum(z, 0), (z > 0) * 1.0
    if name == "relu6":
        return np.clip(z, 0, 6), ((z > 0) & (z < 6)) * 1.0
    e = np.exp(-np.abs(z))
    sigmoid = np.where(z < 0, e, 1.0) / (1 + e)
    if name == "sigmoid":
        return sigmoid, e / (1 + e) ** 2
    if name == "softplus":
        return np.maximum(z, 0) + np.log1p(e), sigmoid
    if name in ("gelu", "gelu_tf"):
        c, near = math.sqrt(2 / math.pi), np.clip(z, -50, 50)
        t = np.tanh(c * (near + 0.044715 * near**3))
        slope = (1 + t) / 2 + near * (1 - t**2) * c * (1 + 3 * 0.044715 * near**2) / 2
        return z * (1 + t) / 2, slope
    return z, np.ones_like(z)


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
    layers: tuple[Layer, ...], tensors: dict[str, np.ndarray], x: np.ndarray, dy: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(y, gradient of sum(dy * y) by x); dy None: ones."""
    slopes = []
    for i, layer in enumerate(layers):
        z = x @ tensors[f"{i}.weight"] + tensors[f"{i}.bias"]
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
        back = (g * slopes[i]) @ tensors[f"{i}.weight"].T
        k = layers[i].inputs
        if layers[i].resnet == "same":
            back = back + g
        elif layers[i].resnet == "double":
            back = back + g[:, :k] + g[:, k:]
        g = back
    return x, g
