"""Layers against their formulas, activations against the IR's."""

import numpy as np
import pytest
import torch

from dpc.errors import InputError
from dpc.frontend.net import Dense, MlpBank, activation
from dpc.ir.activations import ACTIVATIONS


# tanh4 is of NVNMD's models, which are read as programs
@pytest.mark.parametrize("name", [*(ACTIVATIONS.keys() - {"tanh4"}), "none", "gelu_tf"])
def test_activations_are_those_of_the_ir(name):
    x = np.linspace(-50, 50, 501)
    known = {"none": "linear", "gelu_tf": "gelu"}.get(name, name)
    got = activation(name)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, ACTIVATIONS[known].value(x), rtol=1e-14, atol=1e-14)


def test_unknown_activation():
    with pytest.raises(InputError, match="'tahn' is not known"):
        activation("tahn")


def test_silut_is_continuous_with_its_slope():
    x = torch.tensor([2.999999, 3.000001], dtype=torch.float64, requires_grad=True)
    y = activation("silut:3.0")(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert (y[1] - y[0]).item() == pytest.approx(2e-6 * slope[0].item(), rel=1e-3)
    assert slope[0].item() == pytest.approx(slope[1].item(), rel=1e-5)


@pytest.mark.parametrize(("outputs", "shortcut"), [(3, 1), (6, 2), (5, 0)])
def test_shortcuts(outputs, shortcut):
    layer = Dense(3, outputs, "tanh", resnet=True, timestep=True, dtype=torch.float64)
    assert (layer.idt is not None) == (shortcut > 0)
    x = torch.randn(4, 3, dtype=torch.float64)
    wanted = torch.cat([x] * shortcut, dim=-1) if shortcut else torch.zeros(4, 5)
    assert torch.equal(layer(x), wanted.to(torch.float64))  # all weights are zero


def test_rows_of_no_net_stay_zero():
    bank = MlpBank(2, (1, 3), "tanh", False, False, torch.float64)
    for k, net in enumerate(bank):
        torch.nn.init.constant_(net[0].bias, k + 1.0)
    got = bank(torch.zeros(3, 1, dtype=torch.float64), torch.tensor([1, -1, 0]))
    assert torch.equal(got[1], torch.zeros(3, dtype=torch.float64))
    assert got[0, 0] == np.tanh(2.0) and got[2, 0] == np.tanh(1.0)
