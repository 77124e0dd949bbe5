"""Integers with gradients: every bit is that of the integers, every slope that of the reals."""

import numpy as np
import pytest
import torch

from dpc.frontend.training.quantised.leaves import Leaves
from dpc.frontend.training.quantised.numbers import StraightThrough
from dpc.frontend.training.quantised.step import _tensors
from dpc.ir.activations import ACTIVATIONS
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers
from dpc.ir.fixed.pipeline import finish, gather
from dpc.ir.fixed.shape import Z_FRAC
from tests.fixed_models import MODELS, contents, made_samples


@pytest.mark.parametrize("shift", [0, 1, 7, 20])
def test_one_rounding(shift):
    rng = np.random.default_rng(shift)
    x = rng.integers(-(2**40), 2**40, 500) >> rng.integers(0, 30, 500)
    x = np.concatenate([x, (np.arange(-5, 6) << shift) + ((1 << shift) >> 1)])  # halves
    plain, ours = Integers(contents("smallest")), StraightThrough(contents("smallest"))
    t = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    found = ours.narrow("d", t, shift, 18)
    expected = plain.narrow("d", x, shift, 18)
    assert np.array_equal(found.detach().numpy().astype(np.int64), expected)
    found.sum().backward()
    whole = Integers(contents("smallest")).narrow("d", x, shift, 62)
    inside = (whole >= -(2**17)) & (whole < 2**17)
    assert plain.saturated["d"] and inside.any()
    assert np.array_equal(t.grad.numpy(), inside * 2.0**-shift)


def test_slopes_of_the_activation():
    m = contents("split")
    z = np.random.default_rng(0).integers(-(1 << 24), 1 << 24, 400)
    t = torch.from_numpy(z.astype(np.float64)).requires_grad_()
    value, slope = StraightThrough(m).activation(t)
    for found, expected in zip((value, slope), Integers(m).activation(z), strict=True):
        assert np.array_equal(found.detach().numpy().astype(np.int64), expected)
    act, x = ACTIVATIONS["tanh"], z * 2.0**-Z_FRAC
    a0, a1 = m.shape.act_frac[:2]
    (by_z,) = torch.autograd.grad(value.sum(), t, retain_graph=True)
    assert np.allclose(by_z.numpy() * 2.0 ** (Z_FRAC - a0), act.slope(x), atol=1e-6)
    (second,) = torch.autograd.grad(slope.sum(), t)
    # a row is 2^-5 wide: slopes are by t
    assert np.allclose(second.numpy() * 2.0 ** (Z_FRAC - a1 + 5), act.curvature(x), atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_every_bit_of_a_whole_model(name):
    m = contents(name, 8)
    sample = made_samples(MODELS[name], 1, seed=9)[0]
    coord, atype, nlist = (np.asarray(sample.inputs[k]) for k in ("coord", "atype", "nlist"))
    near = frames.neighbors(m, frames.to_fixed(coord), atype, nlist)
    ti = atype[: len(nlist)].astype(np.int64)
    n = Integers(m)
    before = gather(n, m, ti, near)
    expected = finish(n, m, ti, near, before)
    leaves = Leaves(m)
    tensors = _tensors(gather(Integers(m), m, ti, near))
    found = finish(StraightThrough(m), leaves.contents, ti, _tensors(near), tensors)
    for part in ("energy", "slope", "moment"):
        ours = getattr(found, part).detach().numpy()
        assert np.array_equal(ours.astype(np.int64), getattr(expected, part)), part
    assert np.abs(expected.slope).max() > 1000
