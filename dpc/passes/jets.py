"""Value, slope and curvature of a net of one input, exactly, in float64.

The three travel through the layers together: with ``z = y W + b``,

    f(z)' = f'(z) z'        f(z)'' = f''(z) z'^2 + f'(z) z''
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dpc.passes.quintic import Array, Jet


class Layer(NamedTuple):
    """One dense layer in float64: weight [in, out], bias [out], idt [out] or None."""

    weight: Array
    bias: Array
    idt: Array | None
    linear: bool


Activation = Callable[[Array], tuple[Array, Array, Array]]


def _tanh(z: Array) -> tuple[Array, Array, Array]:
    y = np.tanh(z)
    slope = 1.0 - y * y
    return y, slope, -2.0 * y * slope


def _sigmoid(z: Array) -> tuple[Array, Array, Array]:
    y = 0.5 * (1.0 + np.tanh(0.5 * z))
    slope = y * (1.0 - y)
    return y, slope, slope * (1.0 - 2.0 * y)


def _softplus(z: Array) -> tuple[Array, Array, Array]:
    y, slope, _ = _sigmoid(z)
    return np.logaddexp(0.0, z), y, slope


def _gelu(z: Array) -> tuple[Array, Array, Array]:
    """The tanh form: ``z/2 (1 + tanh(u))``, ``u = sqrt(2/pi) (z + 0.044715 z^3)``."""
    c, a = np.sqrt(2.0 / np.pi), 0.044715
    u1, u2 = c * (1.0 + 3.0 * a * z * z), 6.0 * a * c * z
    t, t1, t2 = _tanh(c * (z + a * z**3))
    return (
        0.5 * z * (1.0 + t),
        0.5 * (1.0 + t) + 0.5 * z * t1 * u1,
        t1 * u1 + 0.5 * z * (t2 * u1 * u1 + t1 * u2),
    )


def _silu(z: Array) -> tuple[Array, Array, Array]:
    y, slope, curvature = _sigmoid(z)
    return z * y, y + z * slope, 2.0 * slope + z * curvature


def _linear(z: Array) -> tuple[Array, Array, Array]:
    return z, np.ones_like(z), np.zeros_like(z)


def _relu(z: Array) -> tuple[Array, Array, Array]:
    return np.maximum(z, 0.0), (z > 0).astype(np.float64), np.zeros_like(z)


def _relu6(z: Array) -> tuple[Array, Array, Array]:
    inside = (z > 0) & (z < 6.0)
    return np.clip(z, 0.0, 6.0), inside.astype(np.float64), np.zeros_like(z)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _gelu,
    "gelu_tf": _gelu,
    "silu": _silu,
    "linear": _linear,
    "none": _linear,
    "relu": _relu,
    "relu6": _relu6,
}


def net_jet(layers: Sequence[Layer], activation: str, resnet: bool, x: NDArray[np.float64]) -> Jet:
    """Jet of a net of one input at points x [n]; each part is [n, M].

    A layer as wide as its input, or twice as wide, adds its input (twice) when the net is
    a resnet; ``idt`` scales what the layer adds.
    """
    act = ACTIVATIONS[activation]
    y = x.astype(np.float64)[:, None]
    y1, y2 = np.ones_like(y), np.zeros_like(y)
    for layer in layers:
        z, z1, z2 = y @ layer.weight + layer.bias, y1 @ layer.weight, y2 @ layer.weight
        if not layer.linear:
            f, slope, curvature = act(z)
            z, z1, z2 = f, slope * z1, curvature * z1 * z1 + slope * z2
        if layer.idt is not None:
            z, z1, z2 = z * layer.idt, z1 * layer.idt, z2 * layer.idt
        if resnet and not layer.linear:
            if layer.weight.shape[1] == layer.weight.shape[0]:
                z, z1, z2 = z + y, z1 + y1, z2 + y2
            elif layer.weight.shape[1] == 2 * layer.weight.shape[0]:
                z, z1, z2 = (_add_twice(z, y), _add_twice(z1, y1), _add_twice(z2, y2))
        y, y1, y2 = z, z1, z2
    return Jet(y, y1, y2)


def _add_twice(z: Array, y: Array) -> Array:
    return z + np.concatenate([y, y], axis=1)
