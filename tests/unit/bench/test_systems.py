"""Boxes, their replicas, and the inputs of the runs."""

import numpy as np
import pytest

from dpc.bench.crystals import morse, sites
from dpc.bench.simulation import default_steps, drift_input, md_input
from dpc.bench.systems import SYSTEMS, at_least, find_system, replicas
from dpc.errors import InputError, UsageError

WATER = SYSTEMS["water"]


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (192, (1, 1, 1)),
        (1536, (2, 2, 2)),
        (12288, (4, 4, 4)),
        (384, (1, 1, 2)),
        (192 * 12, (2, 2, 3)),
        (192 * 7, (1, 1, 7)),
    ],
)
def test_replicas(atoms, expected):
    assert replicas(atoms) == expected
    assert np.prod(replicas(atoms)) * 192 == atoms


@pytest.mark.parametrize("atoms", [0, 1, 191, 200, -192])
def test_other_sizes_are_refused(atoms):
    with pytest.raises(InputError, match="multiple"):
        replicas(atoms)


@pytest.mark.parametrize("atoms", [1, 192, 100_000, 1_000_000])
def test_sizes_near_a_cube(atoms):
    found = at_least(atoms, 192)
    a, _, c = replicas(found)
    assert atoms <= found < 1.1 * atoms + 192 and c <= 1.6 * a


def test_input_differs_only_in_the_pair_lines(tmp_path):
    ours = md_input(WATER, 1536, 50, "pair_style dpc a", tmp_path / "d").splitlines()
    theirs = md_input(WATER, 1536, 50, "pair_style deepmd b", tmp_path / "d").splitlines()
    assert [a for a, b in zip(ours, theirs, strict=True) if a != b] == ["pair_style dpc a"]
    assert "replicate    2 2 2" in ours and ours[-1] == "run          50"


def test_input_of_an_alloy(tmp_path):
    text = md_input(SYSTEMS["alloy4"], 256, 50, "pair_style x", tmp_path / "d", warm_up=0)
    assert "mass         4 107.868" in text and text.count("\nrun ") == 1


def test_input_of_a_drift(tmp_path):
    text = drift_input(WATER, 192, 100, "pair_style x", tmp_path / "d")
    assert "thermo       1\n" in text and "c_squared" in text and text.endswith("100\n")


def test_default_steps_take_seconds():
    assert [default_steps(n) for n in (192, 1536, 12288, 98304)] == [1000, 162, 20, 20]


def test_every_system_has_equal_boxes():
    for system in SYSTEMS.values():
        assert len(system.elements) == len(system.masses)
        assert replicas(system.sizes[2], system.box_atoms) == (4, 4, 4)
    with pytest.raises(UsageError, match="Did you mean 'copper'"):
        find_system("coper")


def test_data_file_of_a_crystal(tmp_path):
    system = SYSTEMS["alloy4"]
    lines = system.data(tmp_path).read_text().splitlines()
    assert "256 atoms" in lines and "4 atom types" in lines
    types = [int(line.split()[1]) for line in lines[lines.index("Atoms # atomic") + 2 :]]
    assert np.bincount(types).tolist() == [0, 64, 64, 64, 64]


def test_nearest_neighbours_of_the_lattice():
    cell, coord, _ = sites(SYSTEMS["copper"].crystal, 3)
    apart = coord[1:] - coord[0]
    apart -= np.round(apart / cell[0, 0]) * cell[0, 0]
    distance = np.linalg.norm(apart, axis=1)
    assert distance.min() == pytest.approx(3.61 / np.sqrt(2))
    assert np.isclose(distance, distance.min()).sum() == 12


def test_morse_has_its_minimum_and_ends_smoothly():
    one = np.zeros(3, np.int32)
    energy = morse(["Cu"], one, one, np.array([2.866, 6.4999, 6.5]), 6.5)
    assert energy[0] == pytest.approx(-0.3429) and abs(energy[1]) < 1e-9 and energy[2] == 0
