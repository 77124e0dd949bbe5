"""Activation functions of a vector and their slopes, from polynomials of our own.

No library function is called: `exp` is 2^k p(r) with k = round(x log2 e) and p a Taylor
polynomial on |r| <= ln 2 / 2. Rounding uses the trick of adding 1.5 2^52, which leaves k
in the low bits; it needs arithmetic that is not reassociated (no fast-math). Every
argument is clamped where the function has reached its limit, so that nothing overflows;
not-a-number passes through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dpc.backends.tvm.kernels.emitter import Emitter, Vector
from dpc.errors import InputError, did_you_mean

LOG2E = 1.0 / math.log(2.0)


@dataclass(frozen=True)
class _Float:
    """How exp is computed in one floating-point format."""

    rounder: float  # adding it rounds to an integer, kept in the low bits
    mantissa: int  # bits of the stored mantissa
    bias: int  # of the exponent
    ln2: tuple[float, float]  # high part with trailing zero bits, low part
    degree: int  # of the polynomial for exp
    low: float  # exp is a normal number from here …
    high: float  # … to here
    log_terms: int  # of the series of log1p


# ln 2 in two parts after Cody and Waite: k times the high part is exact.
_FLOATS: Mapping[str, _Float] = MappingProxyType(
    {
        "float64": _Float(
            rounder=1.5 * 2.0**52,
            mantissa=52,
            bias=1023,
            ln2=(float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")),
            degree=13,
            low=-708.0,
            high=709.0,
            log_terms=17,
        ),
        "float32": _Float(
            rounder=1.5 * 2.0**23,
            mantissa=23,
            bias=127,
            ln2=(0.693359375, -2.12194440e-4),
            degree=7,
            low=-87.0,
            high=88.0,
            log_terms=8,
        ),
    }
)


def _polynomial(emit: Emitter, x: Vector, coefficients: list[float]) -> Vector:
    """Horner's rule; coefficients from the highest power down."""
    value = emit.constant(coefficients[0])
    for c in coefficients[1:]:
        value = emit.let(value * x + emit.constant(c))
    return value


def _exp_parts(emit: Emitter, x: Vector) -> tuple[Vector, Vector]:
    """(2^k, p(r) - 1) with exp(x) = 2^k p(r), for `low` <= x <= `high`."""
    f = _FLOATS[emit.dtype]
    shifted = emit.let(x * emit.constant(LOG2E) + emit.constant(f.rounder))
    k = emit.let(shifted - emit.constant(f.rounder))
    r = emit.let(k * emit.constant(-f.ln2[0]) + x)
    r = emit.let(k * emit.constant(-f.ln2[1]) + r)
    series = [1.0 / math.factorial(n) for n in range(f.degree, 0, -1)]
    p1 = emit.let(_polynomial(emit, r, series) * r)
    exponent = emit.shift_left(emit.bits(shifted), f.mantissa)
    power = emit.let(emit.from_bits(exponent + emit.integers(f.bias << f.mantissa)))
    return power, p1


def exp(emit: Emitter, x: Vector) -> Vector:
    """e^x, to about 1 ulp; x is clamped to where the result is a normal number."""
    f = _FLOATS[emit.dtype]
    x = emit.let(emit.at_most(emit.at_least(x, f.low), f.high))
    power, p1 = _exp_parts(emit, x)
    return emit.let(power * p1 + power)


def _tanh(emit: Emitter, x: Vector) -> Vector:
    """m / (m + 2) with m = e^2x - 1: small relative error for small x too."""
    x2 = emit.let(emit.at_most(emit.at_least(x + x, -40.0), 40.0))
    power, p1 = _exp_parts(emit, x2)
    m = emit.let(power * p1 + (power - emit.constant(1.0)))
    return emit.let(m / (m + emit.constant(2.0)))


def _log1p(emit: Emitter, u: Vector) -> Vector:
    """log(1 + u) for 0 <= u <= 1: 2 atanh(z) with z = u / (2 + u) <= 1/3."""
    z = emit.let(u / (u + emit.constant(2.0)))
    terms = range(_FLOATS[emit.dtype].log_terms, -1, -1)
    return emit.let(z * _polynomial(emit, emit.let(z * z), [2.0 / (2 * n + 1) for n in terms]))


# Each takes z and gives (activation(z), its derivative at z).


def tanh(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """tanh z; 1 - tanh² z"""
    y = _tanh(emit, z)
    return y, emit.let(emit.constant(1.0) - y * y)


def relu(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """max(z, 0); the slope at 0 is 0"""
    step = emit.select(z > emit.constant(0.0), emit.constant(1.0), emit.constant(0.0))
    return emit.let(emit.at_least(z, 0.0)), emit.let(step)


def relu6(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """min(max(z, 0), 6); the slope at 0 and 6 is 0"""
    y = emit.let(emit.at_most(emit.at_least(z, 0.0), 6.0))
    zero, one = emit.constant(0.0), emit.constant(1.0)
    above = emit.let(emit.select(z > zero, one, zero))
    return y, emit.let(emit.select(z < emit.constant(6.0), above, zero))


def sigmoid(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """y = 1 / (1 + e^-z); y (1 - y), from e^-|z| so that no digits cancel"""
    one = emit.constant(1.0)
    e = exp(emit, emit.constant(0.0) - emit.absolute(z))
    positive = emit.let(one / (e + one))  # of |z|
    negative = emit.let(e * positive)
    y = emit.let(emit.select(z < emit.constant(0.0), negative, positive))
    return y, emit.let(negative * positive)


def softplus(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """log(1 + e^z) = max(z, 0) + log(1 + e^-|z|); 1 / (1 + e^-z)"""
    one = emit.constant(1.0)
    e = exp(emit, emit.constant(0.0) - emit.absolute(z))
    value = emit.let(emit.at_least(z, 0.0) + _log1p(emit, e))
    positive = emit.let(one / (e + one))
    return value, emit.let(emit.select(z < emit.constant(0.0), e * positive, positive))


def gelu(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """z (1 + tanh y) / 2 = z sigmoid(2 y) with y = c (z + a z³), c = sqrt(2/pi), a = 0.044715

    The slope is sigmoid(2 y) + z sigmoid'(2 y) 2 c (1 + 3 a z²); sigmoid' has no
    cancellation, where 1 - tanh² y has. Beyond |z| = 16 the gate is 0 or 1.
    """
    a, c = 0.044715, math.sqrt(2.0 / math.pi)
    above = emit.let(emit.at_least(z, -16.0))  # below, the gate is nothing and z would win
    near = emit.let(emit.at_most(above, 16.0))
    square = emit.let(near * near)
    inner = emit.let(square * emit.constant(2.0 * a * c) + emit.constant(2.0 * c))
    gate, gate_slope = sigmoid(emit, emit.let(near * inner))
    growth = emit.let(square * emit.constant(6.0 * a * c) + emit.constant(2.0 * c))
    slope = emit.let(emit.let(near * growth) * gate_slope + gate)
    return emit.let(above * gate), slope


def linear(emit: Emitter, z: Vector) -> tuple[Vector, Vector]:
    """z; 1"""
    return z, emit.constant(1.0)


ACTIVATIONS: Mapping[str, Callable[[Emitter, Vector], tuple[Vector, Vector]]] = MappingProxyType(
    {
        "tanh": tanh,
        "relu": relu,
        "relu6": relu6,
        "softplus": softplus,
        "sigmoid": sigmoid,
        "gelu": gelu,
        "gelu_tf": gelu,
        "linear": linear,
        "none": linear,
    }
)
"""By DeePMD-kit's names; `gelu` is the tanh form there, as `gelu_tf` is."""


def require_activation(name: str, where: str) -> None:
    """Refuse a name that no kernel knows."""
    if name not in ACTIVATIONS:
        raise InputError(
            f"{where}: no kernel for activation {name!r}.{did_you_mean(name, ACTIVATIONS)} "
            f"Known: {', '.join(ACTIVATIONS)}"
        )
