"""The mathematics of tables: jets, quintic pieces, extrapolation."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.params import Net, NetBank
from dpc.ir.types import DType
from dpc.passes import quintic
from dpc.passes.fit import LADDER, PROBES, coarsest, finer, fit
from dpc.passes.jets import net_jet


def random_net(activation: str, widths: tuple[int, ...] = (1, 2, 4, 4), dt: bool = True) -> Net:
    rng = np.random.default_rng(3)
    bank = NetBank("n", "neighbor type", widths, activation, True, dt, DType.F64, 1, False)
    return bank.net({name: rng.normal(size=t.dims) for name, t in bank.tensors().items()}, 0)


@pytest.mark.parametrize("activation", [n for n, a in ACTIVATIONS.items() if a.smooth])
def test_jet_is_the_net_and_its_derivatives(activation: str) -> None:
    net = random_net(activation)
    x, h = np.linspace(-1.0, 2.0, 7), 1e-4
    jet = net_jet(net, x)
    left, right = net_jet(net, x - h), net_jet(net, x + h)
    np.testing.assert_allclose(jet.value, net(x[:, None]), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(jet.slope, (right.value - left.value) / (2 * h), atol=1e-5)
    np.testing.assert_allclose(jet.curvature, (right.slope - left.slope) / (2 * h), atol=1e-5)


def test_pieces_reproduce_a_quintic() -> None:
    polynomial = np.polynomial.Polynomial([0.3, -1.0, 0.5, 0.2, -0.7, 0.1])
    at = quintic.nodes(-1.0, 6, 0.4)

    def column(p: np.polynomial.Polynomial, x: np.ndarray) -> np.ndarray:
        return p(x)[:, None]

    jet = quintic.Jet(*(column(polynomial.deriv(k), at) for k in range(3)))
    x = np.linspace(-1.0, 0.99, 50)
    got = quintic.evaluate(quintic.pieces(jet, 0.4), -1.0, 0.4, x)
    for k, part in enumerate(got):
        np.testing.assert_allclose(part, column(polynomial.deriv(k), x), atol=1e-12)


@pytest.mark.parametrize("stride", [0.2, 0.005, 1e-4])
def test_value_slope_and_curvature_are_continuous(stride: float) -> None:
    """At every node, and where extrapolation begins; tiny strides lose no digits to spare."""
    found = fit([random_net("tanh")], -0.4, -0.4 + 5 * stride, stride)
    table = found.coefficients[0]
    powers = stride ** np.arange(6)[:, None]
    k = np.arange(6)[:, None]
    for row in range(found.rows - 1):
        c, after = table[row], table[row + 1]
        ends = [
            np.sum(c * powers, axis=0),
            np.sum(k * c * powers, axis=0) / stride,
            np.sum(k * (k - 1) * c * powers, axis=0) / stride**2,
        ]
        for order, end in enumerate(ends):
            wanted = after[order] * (2 if order == 2 else 1)
            np.testing.assert_allclose(end, wanted, atol=1e-14 / stride**order, rtol=1e-12)


def test_last_row_is_the_taylor_polynomial() -> None:
    net = random_net("tanh")
    found = fit([net], 0.0, 1.0, 0.25)
    assert (found.rows, found.upper) == (5, 1.0)
    last = found.coefficients[0, -1]
    jet = net_jet(net, np.array([1.0]))
    wanted = np.concatenate([jet.value, jet.slope, jet.curvature / 2])
    np.testing.assert_allclose(last[:3], wanted, rtol=1e-13)
    assert not last[3:].any()


def test_error_falls_with_the_fifth_power() -> None:
    net = random_net("tanh")
    errors = []
    for stride in (0.1, 0.05):
        found = fit([net], -0.5, 3.0, stride)
        errors.append(max(found.errors(found.inside(PROBES))))
    assert 20 < errors[0] / errors[1] < 50


def test_coarsest_takes_the_first_good_stride() -> None:
    found, error = coarsest([random_net("tanh")], -0.5, 3.0, 1e-6)
    assert error <= 1e-6 and found.stride in LADDER
    coarser = LADDER[LADDER.index(found.stride) - 1]
    worse = fit(found.nets, -0.5, 3.0, coarser)
    assert max(worse.errors(worse.inside(PROBES))) > 1e-6
    assert finer(coarser) == found.stride
    assert finer(LADDER[-1]) == LADDER[-1]


def test_a_straight_line_needs_one_piece() -> None:
    found, error = coarsest([random_net("linear")], 0.0, 0.7, 1e-8)
    assert found.rows == 2 and error < 1e-14
