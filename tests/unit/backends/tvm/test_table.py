"""Table kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.table import TableSpec
from dpc.errors import InputError
from tests.unit.backends.tvm.harness import align, aligned, close, normal

WIDTHS = (1, 7, 8, 10, 16, 20, 24, 32, 57, 100, 240)
DTYPES = ("float64", "float32")
COUNTS = [0, 1, 2, 3, 5, 8, 89]
ROWS = 9


def specs(dtype):
    return tuple(TableSpec(m, dtype) for m in WIDTHS)


def world(n, spec, target, seed=0):
    """Inputs of both kernels, G and its slope [n, M]; one neighbour more than is used."""
    rng, dtype = np.random.default_rng(seed), spec.dtype
    coefficients = rng.normal(size=(ROWS, 6, spec.M)).astype(dtype)
    row = align(rng.integers(0, ROWS, n + 1).astype(np.int32))
    t = align(rng.uniform(0, 0.3, n + 1), dtype)
    env = normal(n + 1, 4, seed=seed + 1, dtype=dtype)
    packed = align(spec.pack(coefficients, target))
    powers = t[:n, None].astype(np.float64) ** np.arange(6)
    exact = coefficients[row[:n]].astype(np.float64)
    value = np.einsum("np,npm->nm", powers, exact)
    slope = np.einsum("np,npm->nm", powers[:, :5] * np.arange(1, 6), exact[:, 1:])
    return packed, row, t, env, value, slope


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", WIDTHS)
@pytest.mark.parametrize("n", COUNTS)
def test_forward_adds_to_x(m, n, dtype, target, compiled):
    spec, lanes = TableSpec(m, dtype), target.lanes(dtype)
    packed, row, t, env, value, _ = world(n, spec, target)
    mp = spec.padded(target)
    assert mp % lanes == 0 and 0 <= mp - m < lanes
    x = aligned(5, mp, fill=0, dtype=dtype)
    x[:4, :m] = np.random.default_rng(1).normal(size=(4, m))
    x[4] = 7.0
    wanted = x[:4, :m] + env[:n].T.astype(np.float64) @ value
    compiled(target, specs(dtype)).call(spec.symbols()[0], packed, row, t, env, n, x)
    close(x[:4, :m], wanted)
    assert (x[:4, m:] == 0).all() and (x[4] == 7.0).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m", WIDTHS)
@pytest.mark.parametrize("n", COUNTS)
def test_backward(m, n, dtype, target, compiled):
    spec = TableSpec(m, dtype)
    packed, row, t, env, value, slope = world(n, spec, target)
    dx = aligned(4, spec.padded(target), fill=3.0, dtype=dtype)  # beyond m the table is 0
    dx[:, :m] = np.random.default_rng(2).normal(size=(4, m))
    denv = aligned(n + 1, 4, dtype=dtype)
    denv[n] = 7.0
    compiled(target, specs(dtype)).call(spec.symbols()[1], packed, row, t, env, n, dx, denv)
    wanted = value @ dx[:, :m].T.astype(np.float64)
    wanted[:, 0] += np.einsum("nc,cm,nm->n", env[:n], dx[:, :m], slope)
    if n:
        close(denv[:n], wanted)
    assert (denv[n] == 7.0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_neighbour_has_the_same_bits_wherever_it_stands(dtype, target, compiled):
    """Slopes must not depend on how many neighbours of a type an atom has."""
    spec = TableSpec(24, dtype)
    packed, row, t, env, _, _ = world(11, spec, target)
    dx = normal(4, spec.padded(target), seed=3, dtype=dtype)
    library = compiled(target, specs(dtype))
    found = []
    for first in range(5):
        parts = [align(a[first:]) for a in (row, t, env)]
        denv = aligned(11 - first, 4, dtype=dtype)
        library.call(spec.symbols()[1], packed, *parts, 11 - first, dx, denv)
        found.append(denv[4 - first :])
    assert all((one == found[0]).all() for one in found)


def test_pack_pads_with_zeros_and_checks_the_shape(target):
    spec = TableSpec(10)
    packed = spec.pack(np.ones((2, 3, 6, 10)), target)  # [count, rows, 6, M]
    assert packed.shape == (2, 3, 6, spec.padded(target))
    assert packed[..., :10].all() and not packed[..., 10:].any()
    with pytest.raises(InputError, match=r"must be \[rows, 6, 10\]"):
        spec.pack(np.ones((3, 5, 10)), target)
    with pytest.raises(InputError, match="at least one"):
        TableSpec(0)
