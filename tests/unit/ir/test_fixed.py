"""The fixed-point pipeline in NumPy: rounding, the pair table's addresses, exact invariants."""

import numpy as np
import pytest

from dpc.ir.evaluate import evaluate
from dpc.ir.fixed import frames
from dpc.ir.fixed.numbers import Integers, locate, round_shift, saturate
from dpc.ir.fixed.shape import R_BITS, T_BITS
from dpc.ir.fixed.store import contents_of, tensors
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.passes.quantize import with_contents
from dpc.passes.samples import ragged_list
from tests.fixed_models import MODELS, contents, made_program, made_samples

FEW = ("odd", "split", "two_side", "reduced")


def frame(name, which=0):
    sample = made_samples(MODELS[name])[which]
    coord, atype, nlist = (np.asarray(sample.inputs[k]) for k in ("coord", "atype", "nlist"))
    return frames.to_fixed(coord), atype, nlist


def run(name, coord, atype, nlist):
    return frames.run(Integers(contents(name)), coord, atype, nlist)


def test_rounding_is_to_the_nearest_halves_up():
    x = np.arange(-40, 41)
    for shift in range(5):
        assert np.array_equal(round_shift(x, shift), np.floor(x / 2**shift + 0.5))
    assert np.array_equal(round_shift(np.array([3, 3]), np.array([0, 1])), [3, 2])
    assert saturate(np.array([-129, -128, 127, 128]), 8).tolist() == [-128, -128, 127, 127]


def test_locate_gives_row_and_distance():
    shape = contents("odd").shape
    rng = np.random.default_rng(0)
    u = np.concatenate([[0, 1, (1 << shape.u_bits) - 1], rng.integers(0, 1 << shape.u_bits, 4000)])
    powers = 1 << np.arange(shape.u_bits)
    u = np.concatenate([u, powers, powers - 1])
    row, t, k = locate(shape, u)
    assert row.max() == shape.rows - 1 and row.min() == 0
    assert t.min() >= 0 and t.max() < 1 << T_BITS
    # back to u, less the bits that the octave drops
    octave, inside = row >> shape.row_bits, row & ((1 << shape.row_bits) - 1)
    top = np.where(octave > 0, 1 << (shape.row_bits + T_BITS), 0)
    assert np.array_equal((top + (inside << T_BITS) + t) << k, u >> k << k)


@pytest.mark.parametrize("name", FEW)
def test_forces_add_up_to_nothing_and_order_does_not_matter(name):
    coord, atype, nlist = frame(name)
    found = run(name, coord, atype, nlist)
    assert np.abs(found.force).max() > 0
    assert not found.force.sum(axis=0).any()
    rng = np.random.default_rng(1)
    shuffled = rng.permuted(nlist, axis=1)
    again = run(name, coord, atype, shuffled)
    assert np.array_equal(found.energy, again.energy)
    assert np.array_equal(found.force, again.force)
    assert np.array_equal(found.virial, again.virial)


def test_translation_changes_nothing():
    coord, atype, nlist = frame("odd")
    here = run("odd", coord, atype, nlist)
    there = run("odd", coord + [12345, -(1 << 20), 7], atype, nlist)
    for name in ("energy", "force", "virial"):
        assert np.array_equal(getattr(here, name), getattr(there, name))


@pytest.mark.parametrize("name", FEW)
def test_a_neighbour_at_the_cutoff_adds_exactly_nothing(name):
    """Whether it is in the list or not: pad is what the table gives there."""
    m = contents(name)
    coord, atype, nlist = frame(name)
    rcut = round(MODELS[name].rcut * 2**22)
    far = np.concatenate([coord, coord[:1] + [rcut, 0, 0], coord[:1] + [0, 1 << R_BITS, 0]])
    types = np.append(atype, [0, 0]).astype(atype.dtype)
    longer = np.full((len(nlist), nlist.shape[1] + 2), -1, nlist.dtype)
    longer[:, : nlist.shape[1]] = nlist
    longer[0, -2:] = [len(coord), len(coord) + 1]
    found, wanted = run(name, far, types, longer), run(name, coord, atype, nlist)
    assert np.array_equal(found.energy, wanted.energy)
    assert np.array_equal(found.force[: len(coord)], wanted.force)
    # and the same where nothing is left out
    near = frames.neighbors(m, far, types, longer)
    assert len(near.u) == len(frames.neighbors(m, coord, atype, nlist).u)


def test_an_atom_alone():
    m = contents("two_side")
    coord, atype = np.zeros((1, 3), np.int64), np.array([1])
    found = run("two_side", coord, atype, np.full((1, 4), -1))
    assert not found.force.any() and not found.virial.any()
    assert run("two_side", coord, np.array([-1]), np.full((1, 4), -1)).energy.tolist() == [0]
    assert np.abs(found.energy) < 1 << 31 and m.shape.ntypes == 2


@pytest.mark.parametrize("name", MODELS)
def test_contents_survive_text_and_store(name):
    m = contents(name)
    program = with_contents(made_program(MODELS[name]), m, (3.5,) * m.shape.ntypes)
    again = parse(to_text(program), program.store)
    op = next(again.energy.find(FixedPoint))
    back = contents_of(op, again.store)
    assert back.shape == m.shape and back.shift == dict(m.shift)
    assert (back.u_cut, back.u_min) == (m.u_cut, m.u_min)
    for key, array in tensors(m).items():
        assert np.array_equal(tensors(back)[key], array), key


def test_a_ragged_list_gives_the_same():
    sample = made_samples(MODELS["odd"])[0]
    program = with_contents(made_program(MODELS["odd"]), contents("odd"))
    inputs = dict(sample.inputs)
    wanted = evaluate(program, "energy", inputs)
    op = next(program.energy.find(FixedPoint))
    known = {one.out: inputs[one.label] for one in program.energy.inputs}
    known[op.nlist] = ragged_list(inputs["nlist"])
    found = op.eval(_At(program.store), *(known[value] for value in op.operands))
    assert np.array_equal(found[1], wanted["force"])


class _At:
    def __init__(self, store):
        self.store = store
