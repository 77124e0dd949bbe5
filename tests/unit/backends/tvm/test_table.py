"""Table kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.table import TableSpec
from dpc.errors import InputError
from tests.unit.backends.tvm.harness import align, aligned, close

WIDTHS = (1, 7, 8, 10, 24, 57, 100, 240)
SPECS = tuple(TableSpec(m) for m in WIDTHS)
ROWS = 9


def world(m, n, spec, target, seed=0):
    rng = np.random.default_rng(seed)
    coefficients = rng.normal(size=(ROWS, 6, m))
    row = aligned((n + 2) // 2 + 1, fill=0).view(np.int32)[: n + 1]
    row[:n] = rng.integers(0, ROWS, n)
    t = align(rng.uniform(0, 0.3, n + 1))
    env = align(rng.normal(size=(n + 1, 4)))
    packed = align(spec.pack(coefficients, target))
    powers = t[:n, None] ** np.arange(6)
    value = np.einsum("np,npm->nm", powers, coefficients[row[:n]])
    slope = np.einsum("np,npm->nm", powers[:, :5] * np.arange(1, 6), coefficients[row[:n], 1:])
    return packed, row, t, env, value, slope


@pytest.mark.parametrize("m", WIDTHS)
@pytest.mark.parametrize("n", [0, 1, 2, 89])
def test_forward_adds_to_x(m, n, target, compiled):
    spec = TableSpec(m)
    packed, row, t, env, value, _ = world(m, n, spec, target)
    mp = spec.padded(target)
    assert mp % target.lanes() == 0 and 0 <= mp - m < target.lanes()
    x = align(np.pad(np.random.default_rng(1).normal(size=(4, m)), ((0, 1), (0, mp - m))))
    x[4] = 7.0
    wanted = x[:4, :m] + env[:n].T @ value
    compiled(target, SPECS).call(spec.symbols()[0], packed, row, t, env, n, x)
    close(x[:4, :m], wanted)
    assert (x[:4, m:] == 0).all() and (x[4] == 7.0).all()


@pytest.mark.parametrize("m", WIDTHS)
@pytest.mark.parametrize("n", [0, 1, 2, 89])
def test_backward(m, n, target, compiled):
    spec = TableSpec(m)
    packed, row, t, env, value, slope = world(m, n, spec, target)
    dx = np.random.default_rng(2).normal(size=(4, m))
    beyond = spec.padded(target) - m
    padded = align(np.pad(dx, ((0, 0), (0, beyond)), constant_values=3.0))  # weights there: 0
    denv = aligned(n + 1, 4)
    denv[n] = 7.0
    compiled(target, SPECS).call(spec.symbols()[1], packed, row, t, env, n, padded, denv)
    wanted = value @ dx.T
    wanted[:, 0] += np.einsum("nc,cm,nm->n", env[:n], dx, slope)
    if n:
        close(denv[:n], wanted)
    assert (denv[n] == 7.0).all()


def test_pack_pads_with_zeros_and_checks_the_shape(target):
    spec = TableSpec(10)
    packed = spec.pack(np.ones((2, 3, 6, 10)), target)  # [count, rows, 6, M]
    assert packed.shape == (2, 3, 6, spec.padded(target))
    assert packed[..., :10].all() and not packed[..., 10:].any()
    with pytest.raises(InputError, match=r"must be \[rows, 6, 10\]"):
        spec.pack(np.ones((3, 5, 10)), target)
    with pytest.raises(InputError, match="at least one"):
        TableSpec(0)
