"""The same numbers however the box is cut."""

import numpy as np
import pytest

from tests.engines.simulation import water_input

GLOBAL = ("PotEng", "Press", "Pxx", "Pyy", "Pzz", "Pxy", "Pxz", "Pyz")


@pytest.mark.parametrize("grid", ["* * *", "1 1 2"])
def test_one_and_two_ranks_agree(simulate, water, grid):
    text = water_input(water)
    one = simulate(text)
    two = simulate(water_input(water, before=f"processors {grid}"), ranks=2)
    for name in GLOBAL:
        np.testing.assert_allclose(two.thermo[name], one.thermo[name], rtol=1e-10, atol=1e-8)
    scale = np.abs(one.force).max()
    np.testing.assert_allclose(two.force, one.force, rtol=0, atol=1e-10 * scale)


def test_trajectories_agree_over_rebuilt_lists(simulate, water):
    text = water_input(
        water,
        after="velocity all create 330 7 mom yes loop geom\ntimestep 0.0005\nthermo 10\n"
        "neigh_modify every 5 delay 0 check no",
        run="run 40",
    )
    one, two = simulate(text), simulate(text, ranks=2)
    np.testing.assert_allclose(two.thermo["PotEng"], one.thermo["PotEng"], rtol=1e-10)
    np.testing.assert_allclose(two.force, one.force, rtol=0, atol=1e-7)


def test_a_rank_without_atoms(simulate, water):
    """All molecules in the left half of a box with vacuum: the right rank owns nothing."""
    text = water_input(
        water, before="processors 2 1 1", after="change_box all boundary f p p x final 0 60"
    )
    one = simulate(text.replace("processors 2 1 1", ""))
    two = simulate(text, ranks=2)
    np.testing.assert_allclose(two.thermo["PotEng"], one.thermo["PotEng"], rtol=1e-12)
    np.testing.assert_allclose(two.force, one.force, rtol=0, atol=1e-10)


def test_no_skin(simulate, water):
    plain = simulate(water_input(water))
    bare = simulate(water_input(water, after="neighbor 0.0 bin"))
    np.testing.assert_allclose(bare.thermo["PotEng"], plain.thermo["PotEng"], rtol=1e-13)


def test_threads_agree(simulate, water):
    one = simulate(water_input(water))
    two = simulate(water_input(water, pair=f"pair_style dpc {water} threads 2\npair_coeff * * O H"))
    np.testing.assert_allclose(two.thermo["PotEng"], one.thermo["PotEng"], rtol=1e-12)
    np.testing.assert_allclose(two.force, one.force, rtol=0, atol=1e-10)


def test_kept_lists_give_what_new_lists_give(simulate, water):
    run = "velocity all create 330 7 mom yes loop geom\ntimestep 0.0005\nthermo 1\n"
    kept = simulate(
        water_input(water, after=f"{run}neigh_modify every 20 delay 0 check no", run="run 19")
    )
    new = simulate(
        water_input(water, after=f"{run}neigh_modify every 1 delay 0 check no", run="run 19")
    )
    np.testing.assert_allclose(kept.thermo["PotEng"], new.thermo["PotEng"], rtol=1e-12)


def test_types_that_change_in_a_run(simulate, water):
    """Monte Carlo swaps of O and H change types in the middle of a run."""
    swaps = "fix swap all atom/swap 1 5 2026 1e6 ke no types 1 2"
    text = water_input(
        water, after=f"{swaps}\nneigh_modify every 100 delay 0 check no\ntimestep 0", run="run 3"
    )
    text = text.replace(
        "write_dump",
        "variable swapped equal f_swap[2]\n"
        'print "SWAPPED ${swapped}"\nunfix swap\nrun 0\nwrite_dump',
    )
    result = simulate(text)
    assert float(result.screen.split("SWAPPED ")[-1].split()[0]) > 0
    before, after = result.thermo["PotEng"][-2:]
    assert before != result.thermo["PotEng"][0]
    np.testing.assert_allclose(before, after, rtol=1e-12)
