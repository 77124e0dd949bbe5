"""Outer product and pair kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.outer import OuterSpec
from dpc.backends.tvm.kernels.pairs import PairsSpec
from dpc.errors import InputError
from tests.unit.backends.tvm.harness import align, aligned, close, normal

SIZES = ((1, 1), (5, 5), (7, 3), (10, 7), (24, 4), (100, 16))
OUTER = {
    (dtype, vectors): tuple(OuterSpec(m, axis, s, dtype, vectors) for m, axis in SIZES
                            for s in (True, False) if vectors == 3 or m == 7)
    for dtype in ("float64", "float32") for vectors in (1, 2, 3)
}  # fmt: skip
PAIRS = {
    (dtype, vectors): tuple(PairsSpec(m, 1, dtype, vectors) for m in (1, 5, 32))
    for dtype, vectors in OUTER
}


def every(kinds):
    return [spec for specs in kinds.values() for spec in specs]


def name(spec):
    return f"{spec.symbols()[0][4:]}_{spec.dtype}"


def order_of(spec):
    """(m, a) of every number of the descriptor, in order."""
    return [
        (m, a)
        for m in range(spec.M)
        for a in range(spec.axis)
        if not (spec.symmetric and m < spec.axis and a > m)
    ]


def check(spec, order, inputs, target, library):
    """d and its adjoint for the pairs `order`."""
    ta, dtype, k = target.tile_atoms(spec.dtype, spec.vectors), spec.dtype, len(order)
    x, dd = normal(4 * spec.M, ta, seed=0, dtype=dtype), normal(k, ta, seed=1, dtype=dtype)
    d, dx = aligned(k + 1, ta, dtype=dtype), aligned(4 * spec.M + 1, ta, dtype=dtype)
    library.call(spec.symbols()[0], x, *inputs, d)
    library.call(spec.symbols()[1], x, *inputs, dd, dx)
    x3 = x.reshape(4, spec.M, ta).astype(np.float64)
    wanted = np.stack([(x3[:, m] * x3[:, a]).sum(axis=0) for m, a in order])
    back = np.zeros_like(x3)
    for number, (m, a) in enumerate(order):
        back[:, m] += dd[number] * x3[:, a]
        back[:, a] += dd[number] * x3[:, m]
    close(d[:k], wanted)
    close(dx[: 4 * spec.M], back.reshape(4 * spec.M, ta))
    assert np.isnan(d[k]).all() and np.isnan(dx[4 * spec.M]).all()


@pytest.mark.parametrize("spec", every(OUTER), ids=name)
def test_outer(spec, target, compiled):
    order = order_of(spec)
    assert spec.K == len(order)
    check(spec, order, (), target, compiled(target, OUTER[spec.dtype, spec.vectors]))


@pytest.mark.parametrize("part", ["all", "some", "last", "squares"])
@pytest.mark.parametrize("spec", every(PAIRS), ids=name)
def test_pairs(spec, part, target, compiled):
    order = [(a, b) for a in range(spec.M) for b in range(a, spec.M)]
    if part == "some":
        order = [p for p in order if np.random.default_rng(sum(p)).random() < 0.4] or order
    elif part == "last":
        order = order[-1:]
    elif part == "squares":
        order = [(a, a) for a in range(spec.M)]
    first, second = np.array(order, np.int32).T
    start = align(np.searchsorted(first, np.arange(spec.M + 1)).astype(np.int32))
    library = compiled(target, PAIRS[spec.dtype, spec.vectors])
    check(spec, order, (start, align(second)), target, library)


def test_numbers_of_pairs_share_their_kernels():
    assert PairsSpec(32, 400) == PairsSpec(32, 500) != PairsSpec(32, 400, "float32")


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="axis_neuron is 9, but must be between 1 and the 8"):
        OuterSpec(8, 9)
    with pytest.raises(InputError, match="11 pairs of 4 features: there must be 1 to 10"):
        PairsSpec(4, 11)
    with pytest.raises(InputError, match="a tile of 0 vectors"):
        PairsSpec(4, 10, vectors=0)
