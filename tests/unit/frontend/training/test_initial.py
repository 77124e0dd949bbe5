"""Random weights to start from: their distribution, and how well they condition an embedding."""

import math

import numpy as np
import pytest
import torch

from dpc.frontend.net import MlpBank
from dpc.frontend.training.initial import FIRST, draw


def bank(*widths, has_head, seed, count=4, timestep=False):
    nets = MlpBank(count, widths, "tanh", timestep, has_head, torch.float64)
    draw(nets, torch.Generator().manual_seed(seed))
    return nets


def numbers(nets, layer, name):
    return torch.cat([getattr(net[layer], name).detach().flatten() for net in nets]).numpy()


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_fitting_nets_have_deepmd_kits_distribution(layer):
    nets = bank(400, 120, 120, 120, 1, has_head=True, seed=1, count=16, timestep=True)
    inputs, outputs = nets[0][layer].weight.shape
    weights = numbers(nets, layer, "weight")
    spread = 1 / math.sqrt(inputs + outputs)
    assert weights.mean() == pytest.approx(0, abs=5 * spread / math.sqrt(weights.size))
    assert weights.std() == pytest.approx(spread, rel=5 / math.sqrt(2 * weights.size))
    if layer < 3:
        biases = numbers(nets, layer, "bias")
        assert biases.std() == pytest.approx(1, rel=5 / math.sqrt(2 * biases.size))
    if layer in (1, 2):
        steps = numbers(nets, layer, "idt")
        assert steps.mean() == pytest.approx(0.1, abs=1e-3)
        assert steps.std() == pytest.approx(0.001, rel=5 / math.sqrt(2 * steps.size))


def test_first_embedding_layer_is_wider():
    nets = bank(1, 25, 50, 100, has_head=False, seed=2, count=64)
    assert numbers(nets, 0, "weight").std() == pytest.approx(FIRST, rel=0.1)
    assert numbers(nets, 1, "weight").std() == pytest.approx(1 / math.sqrt(75), rel=0.05)


def test_columns_of_an_embedding_differ_for_every_seed():
    """The third direction that its columns span over the data's distances, against the first.

    Half of the seeds are above a 15th, the worst of 40 is a 35th. With N(0, 1 / sqrt(in + out)) in
    the first layer these are a 54th and a 129th.
    """
    x = torch.linspace(-0.3, 4.0, 200, dtype=torch.float64)[:, None]
    ratios = []
    for seed in range(40):
        (net,) = bank(1, 25, 50, 100, has_head=False, seed=seed, count=1)
        columns = net(x).detach().numpy()
        size = np.linalg.svd(columns - columns.mean(axis=0), compute_uv=False)
        ratios.append(size[2] / size[0])
    assert np.median(ratios) > 1 / 20
    assert min(ratios) > 1 / 40
