"""Outer product kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.backends.tvm.kernels.outer import OuterSpec
from dpc.errors import InputError
from tests.unit.backends.tvm.harness import align, aligned, close

SIZES = ((1, 1), (5, 5), (7, 3), (10, 7), (24, 4), (100, 16))
SPECS = tuple(OuterSpec(m, axis, s) for m, axis in SIZES for s in (True, False))


def pairs(spec):
    """(m, a) of every number of the descriptor, in order."""
    return [
        (m, a)
        for m in range(spec.M)
        for a in range(spec.axis)
        if not (spec.symmetric and m < spec.axis and a > m)
    ]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.symbols()[0][18:])
def test_forward_and_backward(spec, target, compiled):
    order, ta = pairs(spec), target.tile_atoms()
    assert spec.K == len(order)
    rng = np.random.default_rng(0)
    x, dd = align(rng.normal(size=(4 * spec.M, ta))), align(rng.normal(size=(spec.K, ta)))
    d, dx = aligned(spec.K + 1, ta), aligned(4 * spec.M + 1, ta)
    library = compiled(target, SPECS)
    library.call(spec.symbols()[0], x, d)
    library.call(spec.symbols()[1], x, dd, dx)
    x3 = x.reshape(4, spec.M, ta)
    wanted = np.stack([(x3[:, m] * x3[:, a]).sum(axis=0) for m, a in order])
    back = np.zeros_like(x3)
    for number, (m, a) in enumerate(order):
        back[:, m] += dd[number] * x3[:, a]
        back[:, a] += dd[number] * x3[:, m]
    close(d[: spec.K], wanted)
    close(dx[: 4 * spec.M], back.reshape(4 * spec.M, ta))
    assert np.isnan(d[spec.K]).all() and np.isnan(dx[4 * spec.M]).all()


def test_axis_beyond_the_features_is_refused():
    with pytest.raises(InputError, match="axis_neuron is 9, but must be between 1 and the 8"):
        OuterSpec(8, 9)
