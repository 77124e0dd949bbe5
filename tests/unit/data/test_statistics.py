"""Statistics against their definitions, written out slowly, and against DeePMD-kit's model."""

import json

import numpy as np
import pytest

from dpc.data.cache import cached
from dpc.data.dataset import open_dataset
from dpc.data.neighbor_stat import auto_sel, check_sel, is_auto, neighbor_stat
from dpc.data.neighbors import extend, format_nlist, neighbor_rows
from dpc.data.pairs import batch_pairs
from dpc.data.statistics import (
    EnvMatrixStatistics,
    chosen_frames,
    energy_bias,
    parameter_statistics,
)
from dpc.errors import InputError
from tests.paths import SHARED, needs_shared
from tests.unit.data.folders import random_system

RCUT, SMOOTH, SEL = 4.0, 1.5, (12, 20)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("d")
    random_system(root / "a", [0, 1, 1] * 5, frames=3, edge=8.0)
    random_system(root / "b", [1, 0], frames=4, edge=9.0, seed=1)
    return open_dataset(root, ("O", "H", "C"))


def padded_rows(batch):
    """(type of the centre, type of the neighbour or -1, row) of every slot, by definition."""
    for k in range(batch.nframe):
        ext = extend(batch.coord[k], batch.atype[k], batch.box[k], RCUT)
        nlist, _ = format_nlist(ext, neighbor_rows(ext, RCUT), (*SEL, 1))
        for i, j in zip(*np.mgrid[: len(nlist), : nlist.shape[1]].reshape(2, -1), strict=True):
            j, row = nlist[i, j], np.zeros(4)
            if j >= 0:
                r = ext.coord[j] - ext.coord[i]
                d = np.linalg.norm(r)
                u = min(max((d - SMOOTH) / (RCUT - SMOOTH), 0), 1)
                s = (1 - 10 * u**3 + 15 * u**4 - 6 * u**5) / d
                row = np.array([s, *(s * r / d)])
            yield ext.atype[i], ext.atype[j] if j >= 0 else -1, row


@pytest.mark.parametrize("exclude", [(), ((0, 1),)])
def test_environment_matrix(data, exclude):
    statistics = EnvMatrixStatistics(RCUT, SMOOTH, (*SEL, 1), 3, exclude_types=exclude)
    slots = {0: [], 1: []}
    for batch in data.batches():
        statistics.add(batch_pairs(batch, RCUT, (*SEL, 1)), batch.atype.ravel())
        for ti, tj, row in padded_rows(batch):
            if {ti, tj} not in [set(pair) for pair in exclude]:
                slots[ti].append(row)
    for t, rows in slots.items():
        rows = np.array(rows)
        assert statistics.mean()[t] == pytest.approx([rows[:, 0].mean(), 0, 0, 0], abs=1e-13)
        radial, angular = max(rows[:, 0].std(), 0.01), max(rows[:, 1:].std(), 0.01)
        assert statistics.std()[t] == pytest.approx([radial] + [angular] * 3, abs=1e-13)
    assert statistics.mean()[2].tolist() == [0] * 4 and statistics.std()[2].tolist() == [0.1] * 4


def test_energy_bias_is_the_least_squares_solution():
    counts = np.array([[2, 4], [1, 5], [3, 3], [0, 6]])
    true = np.array([-10.0, 2.5])
    bias, spread = energy_bias(counts, counts @ true)
    assert bias == pytest.approx(true) and spread == pytest.approx(0, abs=1e-12)
    noise = np.array([0.1, -0.1, 0.05, 0.2])
    bias, spread = energy_bias(counts, counts @ true + noise)
    left = counts @ true + noise - counts @ bias
    assert counts.T @ left == pytest.approx([0, 0], abs=1e-12), "the normal equations"
    assert spread == pytest.approx(left.std())


def test_energy_bias_of_one_composition_is_the_shortest():
    bias, _ = energy_bias([[64, 128]] * 3, [-320.0] * 3)
    assert bias == pytest.approx([-1, -2])  # of all (a, b) with 64 a + 128 b = -320
    assert energy_bias([[3, 0], [4, 0]], [6, 8])[0] == pytest.approx([2, 0]), "none of type 1"


def test_assigned_energies_stay():
    counts = np.array([[2.0, 4.0], [1, 5], [3, 3]])
    bias, _ = energy_bias(counts, counts @ [-10.0, 2.5], assigned=[-9.0, None])
    assert bias[0] == -9
    assert bias[1] == pytest.approx(np.linalg.lstsq(counts[:, 1:], counts @ [-1.0, 2.5])[0][0])
    with pytest.raises(InputError, match="1 energies are given for 2 types"):
        energy_bias(counts, [1, 2, 3], assigned=[1.0])


def test_parameters():
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    mean, inverse = parameter_statistics(values)
    assert mean.tolist() == [2, 5] and inverse.tolist() == [1, 100]
    with pytest.raises(InputError, match="no frame"):
        parameter_statistics(np.zeros((0, 1)))


def test_frames_are_spread():
    chosen = chosen_frames([10, 3, 0], [2, 4, 1], 2)
    assert [c.tolist() for c in chosen] == [[0, 2, 5, 7], [0, 1, 2], []]


def test_neighbor_stat(data, tmp_path):
    stat = neighbor_stat(data, RCUT, tmp_path)
    shortest, most = np.inf, np.zeros(3, int)
    for batch in data.batches():
        pairs = batch_pairs(batch, RCUT)
        for a in range(batch.atype.size):
            mine = slice(*pairs.offsets[a : a + 2])
            types = batch.atype.ravel()[pairs.neighbor[mine]]
            most = np.maximum(most, np.bincount(types, minlength=3))
            shortest = min(shortest, np.linalg.norm(pairs.r[mine], axis=1).min(initial=np.inf))
    assert stat.most == tuple(most) and stat.most_together <= most.sum()
    assert stat.min_nbor_dist == pytest.approx(shortest, abs=1e-12)
    kept = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert kept["result"]["min_nbor_dist"] == stat.min_nbor_dist, "every bit"
    said = []
    assert neighbor_stat(data, RCUT, tmp_path, lambda *p: said.append(p)) == stat
    assert not said, "from the cache: nothing was computed"
    assert neighbor_stat(data, 3.0, tmp_path, lambda *p: said.append(p)) != stat
    assert said[-1] == (7, 7)


def test_sel(data, tmp_path):
    stat = neighbor_stat(data, RCUT, tmp_path)
    assert is_auto("auto") and is_auto("auto:1.5") and not is_auto([1]) and not is_auto("automatic")
    most = np.array(stat.most)
    for text, factor in (("auto", 1.1), ("auto:1.5", 1.5), (" auto : 1 ", 1.0)):
        sel = np.array(auto_sel(text, stat))
        assert (sel % 4 == 0).all() and (sel >= np.floor(factor * most)).all()
        assert (sel <= np.maximum(factor * most + 4, 4)).all()
    (together,) = auto_sel("auto", stat, by_type=False)
    assert together >= stat.most_together
    for text in ("auto:0.5", "auto:x", "autos"):
        with pytest.raises(InputError, match="expected numbers, auto, or auto:FACTOR"):
            auto_sel(text, stat)
    too_small = [max(1, n - 1) for n in stat.most]
    problems = check_sel(too_small, stat, data.type_map)
    assert problems[0].startswith(f"sel {too_small[0]} for O is too small: an atom of the data has")
    assert not check_sel(stat.most, stat, data.type_map)


def test_the_cache_survives_damage(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"x": 0.1 + 0.2}

    for _ in range(2):
        assert cached({"a": 1}, compute, tmp_path) == {"x": 0.1 + 0.2}
    assert len(calls) == 1
    next(tmp_path.glob("*.json")).write_text("{")
    assert cached({"a": 1}, compute, tmp_path) == {"x": 0.1 + 0.2}
    assert cached({"a": 2}, compute, tmp_path) == {"x": 0.1 + 0.2} and len(calls) == 3
    (tmp_path / "file").touch()
    assert cached({"a": 1}, compute, tmp_path / "file" / "no") == {"x": 0.1 + 0.2}


@needs_shared
def test_statistics_of_the_trained_water_model(tmp_path):
    """DeePMD-kit took 10 random frames of each system, so that its numbers have a sampling error:
    of the order of 1e-4 here. The energy bias and the nearest pair come from all frames."""
    pytest.importorskip("torch")
    from dpc.frontend.model import Model, load_model
    from dpc.frontend.statistics import set_statistics

    peer = load_model(SHARED / "models" / "water_se_e2_a" / "model.dp")
    water = [SHARED / "data" / "water" / f"data_{k}" for k in range(3)]
    data = open_dataset(water, peer.type_map)
    model = Model(peer.config)
    set_statistics(model, data, cache=tmp_path)
    for name in ("mean", "std"):
        difference = getattr(model.descriptor, name) - getattr(peer.descriptor, name)
        assert difference.abs().max() < 2e-4, name
    bias, theirs = model.out_bias + model.fitting.bias_atom_e, peer.fitting.bias_atom_e
    assert (bias / theirs - 1).abs().max() < 1e-5
    again = Model(peer.config)
    set_statistics(again, data, cache=tmp_path)
    assert all(
        bool((a == b).all())
        for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
        if a.shape == (2,) or a.shape == (2, 4)
    )


@needs_shared
@pytest.mark.slow
def test_nearest_pair_of_the_trained_water_model(tmp_path):
    water = [SHARED / "data" / "water" / f"data_{k}" for k in range(3)]
    stat = neighbor_stat(open_dataset(water), 6.0, tmp_path)
    assert stat.min_nbor_dist == pytest.approx(0.885439, abs=5e-7), "as in model.dp"
    assert stat.most[0] <= 46 and stat.most[1] <= 92, "its sel was enough"
