"""Estimates: counted work on published peaks, and memory from the plan."""

import numpy as np
import pytest

from dpc.backends.gpu import estimate
from dpc.backends.gpu.work import plan_work
from dpc.targets.cards import CARDS, PAPER, occupancy

A100 = CARDS[0]
NEIGHBORS = 90.0


def test_water_on_an_a100_is_well_below_what_the_paper_measured(make_plan):
    plan = make_plan("water", "cuda:sm_80", "f32")
    found = 1e6 * estimate.roofline(plan, NEIGHBORS, A100)
    assert 0.02 < found < PAPER["A100"]["f32"] / 4


def test_flops_are_those_of_the_model(make_plan):
    """Two products of matrices for each layer, forward and back."""
    plan = make_plan("water", "cuda:sm_80", "f32")
    works = plan_work(plan, NEIGHBORS, 200.0)
    (bank,) = (ref for ref in plan.program.banks.values())
    products = sum(4.0 * layer.inputs * layer.outputs for layer in bank.layers[:-1])
    layers = sum(work.flops for work in works if work.kernel.startswith("layer"))
    assert products < layers < 1.1 * products
    assert all(work.executed >= work.flops > 0 for work in works)


def test_twice_the_atoms_that_the_paper_fits(make_plan):
    """Its compressed copper model: 1,615,000 atoms on 80 GB; copper has 134 neighbours in 8 Å."""
    plan = make_plan("water", "cuda:sm_80", "f32")
    copper = 4 / 3 * np.pi * 8.0**3 * 0.0847
    assert estimate.largest_system(plan, copper, A100.memory) > 2 * 1_600_000


@pytest.mark.parametrize(
    ("registers", "shared", "threads", "expected"),
    [
        (32, 0, 128, 1.0),
        (64, 0, 128, 0.5),  # 65536 / (64 * 128) = 8 blocks of 128 threads
        (32, 20 << 10, 128, 7 * 128 / 2048),  # 164 KiB hold 7 blocks of 21
        (255, 0, 1024, 0.0),
        (32, 0, 33, 32 * 64 / 2048),  # at most 32 blocks
    ],
)
def test_occupancy(registers, shared, threads, expected):
    assert occupancy(A100, registers, shared, threads) == pytest.approx(expected)
