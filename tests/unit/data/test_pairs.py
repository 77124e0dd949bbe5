"""Pairs against the padded list, against brute force, and from the cache."""

import numpy as np
import pytest

from dpc.data.dataset import open_dataset
from dpc.data.neighbors import extend, format_nlist, neighbor_rows
from dpc.data.pairs import PairCache, batch_pairs
from dpc.errors import InputError
from tests.unit.data.folders import random_system

RCUT = 4.0


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    path = random_system(tmp_path_factory.mktemp("d") / "a", [0, 1, 1] * 9, frames=3, edge=8.0)
    return open_dataset(path).batch(0, [2, 0])


@pytest.mark.parametrize("sel", [(20, 40), (5, 9), (30,)])
def test_pairs_are_those_of_the_padded_list(batch, sel):
    pairs = batch_pairs(batch, RCUT, sel)
    assert pairs.offsets[-1] == len(pairs.neighbor) == len(pairs.r)
    nloc, dropped = batch.nloc, 0
    for k in range(batch.nframe):
        types = batch.atype[k] if len(sel) > 1 else np.zeros(nloc, np.int32)
        ext = extend(batch.coord[k], types, batch.box[k], RCUT)
        nlist, left = format_nlist(ext, neighbor_rows(ext, RCUT), sel)
        dropped += left
        for i in range(nloc):
            mine = slice(*pairs.offsets[k * nloc + i : k * nloc + i + 2])
            j = nlist[i][nlist[i] >= 0]
            assert pairs.neighbor[mine].tolist() == (ext.owner[j] + k * nloc).tolist()
            assert np.array_equal(pairs.r[mine], ext.coord[j] - ext.coord[i])
    assert pairs.dropped == dropped
    assert (sel == (5, 9)) == (dropped > 0)


def test_all_neighbours_without_sel(batch):
    pairs = batch_pairs(batch, RCUT)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3), -1).reshape(-1, 3) * 8.0
    r = batch.coord[0][None, None] + shifts[:, None, None] - batch.coord[0][:, None]
    distance = np.sqrt(np.square(r).sum(-1))
    expected = np.sort(distance[(distance < RCUT) & (distance > 0)])
    found = np.sqrt(np.square(pairs.r[: pairs.offsets[batch.nloc]]).sum(1))
    assert np.sort(found) == pytest.approx(expected, abs=1e-12)
    assert (
        pairs.centre.tolist()
        == np.repeat(np.arange(2 * batch.nloc), np.diff(pairs.offsets)).tolist()
    )


def test_fillers_have_no_pairs(tmp_path):
    random_system(tmp_path / "a", [0, 1, 1] * 4)
    random_system(tmp_path / "b", [0, 1, 1] * 8, seed=1)
    data = open_dataset(tmp_path)
    both = data.gather([(0, [1]), (1, [2])])
    pairs = batch_pairs(both, RCUT)
    alone = [batch_pairs(data.batch(s, [f]), RCUT) for s, f in ((0, 1), (1, 2))]
    assert not np.diff(pairs.offsets)[12:24].any()
    assert np.array_equal(pairs.r, np.concatenate([p.r for p in alone]))
    assert (both.atype.ravel()[pairs.neighbor] >= 0).all()
    assert np.array_equal(pairs.neighbor[: len(alone[0].neighbor)], alone[0].neighbor)
    assert np.array_equal(pairs.neighbor[len(alone[0].neighbor) :], alone[1].neighbor + 24)


def test_the_cache_gives_the_same_and_keeps_its_limit(batch):
    fresh = batch_pairs(batch, RCUT, (20, 40))
    cache, small = PairCache(RCUT, (20, 40)), PairCache(RCUT, (20, 40), limit=100)
    for _ in range(2):
        for one in (cache(batch), small(batch)):
            assert np.array_equal(one.r, fresh.r) and np.array_equal(one.offsets, fresh.offsets)
            assert np.array_equal(one.neighbor, fresh.neighbor)
    assert small.nbytes == 0 and cache.nbytes > 1000


def test_atoms_at_one_place_name_the_frame(tmp_path):
    path = random_system(tmp_path / "a", [0, 1, 1])
    coord = np.load(path / "set.000" / "coord.npy")
    coord[2, 3:6] = coord[2, 0:3]
    np.save(path / "set.000" / "coord.npy", coord)
    with pytest.raises(InputError, match=r"system 0 .* frame 2 .* atom 0 is at the place of"):
        batch_pairs(open_dataset(path).batch(0, [1, 2]), RCUT)
