"""Activation functions with their first two derivatives.

GELU is the tanh form used by DeePMD-kit: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
tanh4 is NVNMD's polynomial: a^4/16 - a^3/4 + a with a = min(|x|, 2), and the sign of x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dpc.errors import InputError, did_you_mean
from dpc.ir.types import NumpyArray

Function = Callable[[NumpyArray], NumpyArray]


@dataclass(frozen=True)
class Activation:
    """f, f' and f''."""

    value: Function
    slope: Function
    curvature: Function
    smooth: bool = True  # f'' is continuous: a table of the net can be accurate


def _tanh_slope(x: NumpyArray) -> NumpyArray:
    t = np.tanh(x)
    return np.asarray(1 - t * t)


def _tanh_curvature(x: NumpyArray) -> NumpyArray:
    t = np.tanh(x)
    return np.asarray(-2 * t * (1 - t * t))


def _sigmoid(x: NumpyArray) -> NumpyArray:
    # the tanh form never overflows
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _sigmoid_slope(x: NumpyArray) -> NumpyArray:
    y = _sigmoid(x)
    return np.asarray(y * (1 - y))


def _sigmoid_curvature(x: NumpyArray) -> NumpyArray:
    y = _sigmoid(x)
    return np.asarray(y * (1 - y) * (1 - 2 * y))


_A, _B = float(np.sqrt(2 / np.pi)), 0.044715


def _gelu(x: NumpyArray) -> NumpyArray:
    return np.asarray(0.5 * x * (1 + np.tanh(_A * x * (1 + _B * x * x))))


def _gelu_slope(x: NumpyArray) -> NumpyArray:
    t = np.tanh(_A * x * (1 + _B * x * x))
    return np.asarray(0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _A * (1 + 3 * _B * x * x))


def _gelu_curvature(x: NumpyArray) -> NumpyArray:
    t = np.tanh(_A * x * (1 + _B * x * x))
    u1, u2 = _A * (1 + 3 * _B * x * x), 6 * _A * _B * x
    return np.asarray((1 - t * t) * (u1 + 0.5 * x * (u2 - 2 * t * u1 * u1)))


def _step(x: NumpyArray) -> NumpyArray:
    return np.asarray(x > 0, dtype=x.dtype)


def _step6(x: NumpyArray) -> NumpyArray:
    return np.asarray((x > 0) & (x < 6), dtype=x.dtype)


def _tanh4(x: NumpyArray) -> NumpyArray:
    a = np.minimum(np.abs(x), 2)
    return np.asarray(np.sign(x) * (((a / 16 - 0.25) * a * a + 1) * a))


def _tanh4_slope(x: NumpyArray) -> NumpyArray:
    a = np.minimum(np.abs(x), 2)
    return np.asarray(a * a * (a / 4 - 0.75) + 1)


def _tanh4_curvature(x: NumpyArray) -> NumpyArray:
    a = np.minimum(np.abs(x), 2)
    return np.asarray(np.sign(x) * a * (0.75 * a - 1.5))


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x: x, np.ones_like, np.zeros_like),
    "tanh": Activation(np.tanh, _tanh_slope, _tanh_curvature),
    "tanh4": Activation(_tanh4, _tanh4_slope, _tanh4_curvature),
    "sigmoid": Activation(_sigmoid, _sigmoid_slope, _sigmoid_curvature),
    "softplus": Activation(lambda x: np.logaddexp(x, x.dtype.type(0)), _sigmoid, _sigmoid_slope),
    "gelu": Activation(_gelu, _gelu_slope, _gelu_curvature),
    "relu": Activation(lambda x: np.maximum(x, 0), _step, np.zeros_like, smooth=False),
    "relu6": Activation(lambda x: np.clip(x, 0, 6), _step6, np.zeros_like, smooth=False),
}
ALIASES = {"none": "linear", "gelu_tf": "gelu"}


def canonical(name: str | None) -> str:
    """The name used in programs: 'none' is linear, 'gelu_tf' is gelu."""
    word = (name or "none").lower()
    word = ALIASES.get(word, word)
    if word not in ACTIVATIONS:
        hint = did_you_mean(word, [*ACTIVATIONS, *ALIASES])
        known = ", ".join(sorted([*ACTIVATIONS, *ALIASES]))
        raise InputError(f"no activation function is called {name!r}.{hint} Known: {known}")
    return word
