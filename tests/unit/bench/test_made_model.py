"""Models made for the crystals: complete, smooth, and near the potential they imitate."""

from dataclasses import replace

import numpy as np
import pytest

from dpc.bench.crystals import morse, sites
from dpc.bench.made_model import make_model
from dpc.bench.peer import in_precision
from dpc.bench.systems import SYSTEMS
from dpc.data.neighbors import extend, neighbor_rows
from dpc.frontend.importers import read_model, write_model


@pytest.fixture(scope="module")
def copper():
    """Small nets, few frames."""
    crystal = replace(SYSTEMS["copper"].crystal, rcut=4.5, sel=(44,))
    return crystal, make_model(crystal, frames=4, neuron=[4, 8, 16])


def test_a_file_holds_it(copper, tmp_path):
    write_model(copper[1], tmp_path / "copper.dp")
    again = read_model(tmp_path / "copper.dp")
    assert again.config == copper[1].config and again.min_nbor_dist == copper[1].min_nbor_dist
    assert all((again.tensors[name] == a).all() for name, a in copper[1].tensors.items())


def test_made_twice_it_is_the_same(copper):
    again = make_model(copper[0], frames=4, neuron=[4, 8, 16])
    assert all(np.allclose(again.tensors[name], a) for name, a in copper[1].tensors.items())


def test_forces_follow_the_potential(copper):
    from dpc.frontend.model import Model

    crystal, model = copper
    cell, coord, types = sites(crystal)
    coord = coord + np.random.default_rng(0).normal(size=coord.shape) * 0.1
    ext = extend(coord, types, cell, crystal.rcut)
    rows = neighbor_rows(ext, crystal.rcut)
    centre = np.repeat(np.arange(len(types)), np.diff(rows.offsets))
    r = ext.coord[rows.indices] - ext.coord[centre]
    distance = np.linalg.norm(r, axis=1)
    one = np.zeros(len(distance), np.int32)

    def energy(x):
        return morse(crystal.elements, one, one, x, crystal.rcut)

    slope = (energy(distance + 1e-5) - energy(distance - 1e-5)) / 2e-5
    force = np.zeros_like(coord)
    np.add.at(force, centre, (slope / distance)[:, None] * r)
    found = Model.from_file_data(model).evaluate(coord, types, cell)["force"]
    assert np.sqrt(np.mean((found - force) ** 2)) < 0.05 * np.sqrt(np.mean(force**2))


def test_in_single_precision(copper):
    single = in_precision(copper[1], "float32").check("single")
    assert single.config["fitting_net"]["precision"] == "float32"
    assert single.tensors["fitting.0.0.weight"].dtype == np.float32
    assert single.tensors["fitting.bias_atom_e"].dtype == np.float64
    assert copper[1].config["fitting_net"]["precision"] == "float64"
