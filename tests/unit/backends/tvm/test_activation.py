"""Activations alone: ordinary, tiny, huge and missing numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from dpc.backends.tvm.kernels.activation import ACTIVATIONS
from dpc.backends.tvm.kernels.layer import Layer
from dpc.backends.tvm.kernels.mlp import MlpSpec
from tests.unit.backends.tvm import reference
from tests.unit.backends.tvm.harness import align, aligned, close

DTYPES = ("float64", "float32")
SPECS = {
    dtype: tuple(MlpSpec(name, (Layer(1, 1, name),), dtype) for name in ACTIVATIONS)
    for dtype in DTYPES
}
ULP = {"float64": 2.0**-52, "float32": 2.0**-23}
EDGES = [0.0, -0.0, 5e-324, -5e-324, 1e-300, -1e-300, 1e-17, -1e-17, 1e-8, -1e-8, 0.3465, 0.3466,
         -0.3466, 0.5, -0.5, 1.0, -1.0, 5.999999, 6.0, 6.000001, 8.0, -8.0, 15.9, 16.1, -16.1,
         19.9, 20.1, -20.1, 36.0, -36.0, 37.5, 40.0, -40.0, 700.0, -700.0, 708.5, -708.5, 710.0,
         -710.0, 746.0, -746.0, 1e5, -1e5, 1e19, -1e19, 1e155, -1e155, 1e300, -1e300]  # fmt: skip


def evaluate(name, x, target, compiled, dtype="float64"):
    """(value, slope) of the compiled activation at x [n]."""
    spec, tn = MlpSpec(name, (Layer(1, 1, name),), dtype), target.tile_atoms(dtype)
    library = compiled(target, SPECS[dtype])
    blob = align(spec.pack({"0.weight": np.ones((1, 1))}))
    work, dg = aligned(spec.work_bytes(target), dtype=dtype), aligned(1, tn, fill=1, dtype=dtype)
    s, g, ds = aligned(tn, dtype=dtype), aligned(1, tn, dtype=dtype), aligned(tn, dtype=dtype)
    padded = np.pad(x, (0, -len(x) % tn))
    values, slopes = [], []
    for part in padded.reshape(-1, tn):
        s[...] = part
        library.call(spec.symbols()[0], s, blob, g, work)
        library.call(spec.symbols()[1], s, blob, dg, ds, work)
        values.append(g[0].copy())
        slopes.append(ds.copy())
    return np.concatenate(values)[: len(x)], np.concatenate(slopes)[: len(x)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope(name, dtype, target, compiled):
    x = np.concatenate([np.linspace(-9, 9, 1501), np.linspace(-1e-3, 1e-3, 50)]).astype(dtype)
    value, slope = evaluate(name, x, target, compiled, dtype)
    wanted, wanted_slope = reference.activation(name, x)
    # a few units in the last place of the scale of the function near x
    assert np.abs(value - wanted).max() <= 4.5 * ULP[dtype] * max(1, np.abs(wanted).max())
    assert np.abs(slope - wanted_slope).max() <= 14 * ULP[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_edges_are_finite_and_right(name, dtype, target, compiled):
    most = 1e155 if dtype == "float64" else 1e19
    x = np.array([e for e in EDGES if dtype == "float64" or abs(e) < 1e30]).astype(dtype)
    value, slope = evaluate(name, x, target, compiled, dtype)
    with np.errstate(over="ignore", under="ignore"):
        wanted, wanted_slope = reference.activation(name, x)
    assert np.isfinite(value).all() and np.isfinite(slope).all()
    near = np.abs(x) < most
    error = np.abs(value - wanted) / np.maximum(1, np.abs(wanted))
    assert (error <= 4.5 * ULP[dtype]).all()
    close(slope[near], wanted_slope[near], 18 * ULP[dtype])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_infinity_and_not_a_number(name, target, compiled):
    value, _ = evaluate(name, np.array([np.nan, -np.nan]), target, compiled)
    assert np.isnan(value).all()
    if name in ("tanh", "sigmoid", "relu6"):
        value, slope = evaluate(name, np.array([np.inf, -np.inf]), target, compiled)
        low, high = {"tanh": (-1, 1), "sigmoid": (0, 1), "relu6": (0, 6)}[name]
        assert value[0] == high and abs(value[1] - low) < 1e-300
        assert np.abs(slope).max() < 1e-300


def test_tanh_keeps_relative_accuracy_near_zero(target, compiled):
    x = np.array([1e-300, 1e-30, 1e-12, 1e-6, 1e-3, 0.1, 0.3])
    value, _ = evaluate("tanh", x, target, compiled)
    assert (np.abs(value / np.tanh(x) - 1) < 1e-15).all()
    odd, _ = evaluate("tanh", -x, target, compiled)
    assert (np.abs(odd / np.tanh(-x) - 1) < 1e-15).all()


def test_ln2_parts_sum_to_ln2():
    from dpc.backends.tvm.kernels.activation import _FLOATS

    # ln 2 = sum of 1 / (n 2^n)
    ln2 = sum((Fraction(1, n * 2**n) for n in range(1, 120)), Fraction(0))
    high, low = (Fraction(part) for part in _FLOATS["float64"].ln2)
    assert abs(high + low - ln2) < Fraction(1, 2**84)
    assert math.frexp(_FLOATS["float64"].ln2[0])[0] * 2**42 % 1 == 0  # 11 zero bits for k
