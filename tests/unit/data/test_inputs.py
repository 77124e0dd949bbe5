"""Inputs of a graph: the padded list, the ragged one, and the op that turns one into the other."""

import numpy as np
import pytest

from dpc.data.frames import density, make_frames
from dpc.data.inputs import fold, graph_inputs
from dpc.data.neighbors import extend, neighbor_rows
from dpc.errors import InputError
from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Input
from dpc.ir.ops.types import NearestNeighbors
from dpc.ir.params import ParamStore
from dpc.ir.program import Facts
from dpc.ir.types import ArrayType

FACTS = Facts(("A", "B", "C"), 5.0, (12, 16, 9), fparam=2, aparam=1)


def inputs_of(frame, facts=FACTS, ragged=False):
    return graph_inputs(
        facts, frame.coord, frame.atype, frame.cell, frame.fparam, frame.aparam, ragged
    )


def test_ragged_and_padded_lists_name_the_same_atoms():
    for frame in make_frames(FACTS, 3):
        padded, owner = inputs_of(frame)
        ragged, _ = inputs_of(frame, ragged=True)
        assert len(owner) == len(padded["coord"]) and padded["nlist"].dtype == np.int32
        for row, slots in zip(range(len(padded["nlist"])), padded["nlist"], strict=True):
            assert set(slots[slots >= 0]) <= set(ragged["nlist"][row])


@pytest.mark.parametrize("sel", [(40, 40, 40), (3, 5, 2), (4, 0, 9)])
def test_nearest_neighbors_keeps_what_the_padded_list_keeps(sel):
    facts = Facts(("A", "B", "C"), 5.0, sel)
    for frame in make_frames(Facts(("A", "B", "C"), 5.0, (12, 16, 9)), 3):
        padded, _ = inputs_of(frame, facts)
        ragged, _ = inputs_of(frame, facts, ragged=True)
        coord = Input("coord", ArrayType.parse("f64[nall, 3]")).out
        atype = Input("atype", ArrayType.parse("i32[nall]")).out
        nlist = Input("nlist", ArrayType.parse("i32[nloc, nnei~]")).out
        op = NearestNeighbors(coord, atype, nlist, facts.rcut, facts.sel)
        at = Evaluation(ParamStore())
        kept = op.eval(at, ragged["coord"], ragged["atype"], ragged["nlist"])
        for row, slots in enumerate(padded["nlist"]):
            assert kept[row].tolist() == slots[slots >= 0].tolist()
        again = op.eval(at, ragged["coord"], ragged["atype"], kept)
        np.testing.assert_array_equal(again.values, kept.values)


def test_parameters_are_checked():
    frame = make_frames(FACTS, 1)[0]
    good = (frame.coord, frame.atype, frame.cell)
    inputs, _ = graph_inputs(FACTS, *good, [1, 2], np.ones(len(frame.atype)))
    assert inputs["fparam"].shape == (2,) and inputs["aparam"].shape == (96, 1)
    with pytest.raises(InputError, match="aparam: the model needs 1 numbers per atom"):
        graph_inputs(FACTS, *good, [1, 2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coord": [[0, 0, 0], [0, 1e9, 0]]}, "atom 1 at .*: positions must be within 1e8 Å"),
        ({"coord": [[0, 0, 0], [0, np.nan, 0]]}, "atom 1 at .*: positions must be finite"),
        ({"coord": [[0, 0, 0], [0, 1j, 0]]}, "coord: expected 2 x 3 numbers, not complex ones"),
        ({"coord": [[0, 0, 0], [0, 5e-9, 0]]}, "atom 0 is at the place of atom 1"),
        ({"coord": [[0, 0, 0], [9 + 1e-12, -9, 27]]}, "atom 0 is at the place of atom 1"),
        ({"cell": np.eye(3) * 1e9}, "cell: .* are longer than 1e8 Å"),
        ({"atype": [b"\xff", b"A"]}, "types: \ufffd of atom 0: the model knows A B C"),
    ],
)
def test_impossible_systems(change, words):
    """The package refuses the same ones: a model must not give a number where it does not."""
    system = {"coord": [[0, 0, 0], [1, 0, 0]], "atype": [0, 1], "cell": np.eye(3) * 9}
    with pytest.raises(InputError, match=words):
        graph_inputs(Facts(("A", "B", "C"), 5.0, (12, 16, 9)), **{**system, **change})


def test_fold_adds_images_to_their_owners():
    owner = np.array([0, 1, 0, 0, 1])
    assert fold(owner, np.arange(5.0)).tolist() == [5, 5]
    assert fold(np.zeros(0, np.int64), np.zeros((0, 3))).shape == (0, 3)
    assert fold(np.array([0]), np.ones((1, 3)), nloc=2).tolist() == [[1, 1, 1], [0, 0, 0]]


def test_made_frames_are_seeded_and_keep_their_distance():
    frames = make_frames(FACTS, 6, min_distance=1.1)
    again = make_frames(FACTS, 6, min_distance=1.1)
    for a, b in zip(frames, again, strict=True):
        np.testing.assert_array_equal(a.coord, b.coord)
        ext = extend(a.coord, a.atype, a.cell, 5.0)
        rows = neighbor_rows(ext, 5.0)
        i = np.repeat(np.arange(ext.nloc), np.diff(rows.offsets))
        distance = np.linalg.norm(ext.coord[rows.indices] - ext.coord[i], axis=1)
        assert distance.min() >= 1.1 - 1e-9
        assert np.bincount(a.atype).tolist() == [31, 42, 23]  # as sel: 12, 16, 9
        if a.cell is not None:
            wanted = density(FACTS) * abs(np.linalg.det(a.cell))
            assert len(a.atype) == pytest.approx(wanted)


def test_made_frames_where_the_atoms_hardly_fit():
    dense = Facts(("Cu",), 6.0, (200,))
    frames = make_frames(dense, 3, min_distance=2.4)
    nearest = [neighbor_distance(f) for f in frames]
    assert min(nearest) > 1.6


def neighbor_distance(frame):
    ext = extend(frame.coord, frame.atype, frame.cell, 3.0)
    rows = neighbor_rows(ext, 3.0)
    i = np.repeat(np.arange(ext.nloc), np.diff(rows.offsets))
    return np.linalg.norm(ext.coord[rows.indices] - ext.coord[i], axis=1).min(initial=3.0)
