"""Every pass keeps its promise on every program of the zoo, and twice is the same as once."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from dpc.ir.evaluate import evaluate
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.ir.verify import verify
from dpc.passes.base import Changes, Context, passes
from dpc.passes.measure import compare, measure
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import Sample, inputs_for
from dpc.passes.text import make_pass
from tests.programs import ZOO, program, samples

# what comes before a pass, so that it finds something to do
BEFORE = {
    "tabulate": "widen",
    "basis": "widen",
    "fold": "widen basis{rank=4}",
    "symmetrize": "widen",
    "cast": "widen",
    "differentiate": "canonicalize",
    "exact_neighbors": "differentiate",
    "fuse": "widen symmetrize tabulate differentiate exact_neighbors",
    "memory": "widen symmetrize tabulate differentiate exact_neighbors fuse",
}
FLOAT32 = 2e-6  # eV, eV/Å: what float32 sums lose in these programs
FORCES = 1e-8  # eV/Å: tabulate's own tolerance
COMPRESSED = 1e-6  # eV/Å: the largest error where the budget of basis and fold is 1e-7 rms
# the programs of the zoo are none that circuits can compute: it has a test file of its own
OTHERS = [name for name in passes if name != "quantize"]
OPTIONS = {"basis": "multiple=2"}  # in these small programs 8 columns are all there are


@functools.cache
def zoo_samples(name: str) -> list[Sample]:
    return samples(ZOO[name])


@functools.cache
def prepared(name: str, before: str) -> Program:
    return Pipeline.parse(before).run(program(ZOO[name]))


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("what", OTHERS)
def test_promise(what: str, name: str) -> None:
    one = make_pass(what, OPTIONS.get(what, ""))
    before = prepared(name, BEFORE.get(what, ""))
    given = zoo_samples(name)
    after = one.run(before, Context(samples=given))
    verify(after)
    if one.changes is Changes.NOTHING:
        same_bits(before, after, given)
        return
    errors = compare(measure(before, given), measure(after, given))
    budgets = {"tabulate": FORCES, "widen": FLOAT32, "cast": 10 * FLOAT32}
    budgets |= {"basis": COMPRESSED, "fold": COMPRESSED}
    budget = budgets.get(what, 1e-10)
    if (what, name) == ("exact_neighbors", "float32"):
        budget = FLOAT32  # the rounding is that of float32 here
    for quantity, error in errors.items():
        # a virial sums the errors of some hundred forces times distances
        assert error.max <= budget * (100 if quantity == "virial" else 1), (quantity, error)


def same_bits(before: Program, after: Program, given: list[Sample]) -> None:
    """Everything the program gave before it gives after, bit for bit."""
    for sample in given:
        old = evaluate(before, "energy", inputs_for(before.energy, sample))
        new = evaluate(after, "energy", inputs_for(after.energy, sample))
        for output, array in old.items():
            assert np.array_equal(array, new[output]), output


@pytest.mark.parametrize("name", ["one_side", "two_side_exclude", "fparam_aparam", "float32"])
@pytest.mark.parametrize("what", OTHERS)
def test_twice_is_once(what: str, name: str) -> None:
    one = make_pass(what)
    once = one.run(prepared(name, BEFORE.get(what, "")), Context())
    twice = one.run(once, Context())
    assert to_text(twice) == to_text(once)
    for tensor, array in once.store.items():
        assert np.array_equal(array, twice.store[tensor]), tensor


@pytest.mark.parametrize("name", ZOO)
def test_text_survives(name: str) -> None:
    """Print and parse after every pass of the pipeline."""
    whole = prepared(name, BEFORE["memory"] + " memory")
    text = to_text(whole)
    assert to_text(parse(text, whole.store)) == text


@pytest.mark.parametrize("name", ["one_side", "two_side_exclude", "pair_exclude", "atom_exclude"])
def test_compiled_force_is_the_gradient_of_the_compiled_energy(name: str) -> None:
    compiled = prepared(name, BEFORE["fuse"] + " fuse")
    sample = zoo_samples(name)[0]
    inputs = inputs_for(compiled.energy, sample)
    force = evaluate(compiled, "energy", inputs)["force"]
    step = 1e-4
    for atom, axis in ((0, 0), (3, 1), (7, 2)):
        energies = []
        for sign in (1, -1):
            moved = dict(inputs)
            moved["coord"] = inputs["coord"].copy()
            moved["coord"][atom, axis] += sign * step
            energies.append(evaluate(compiled, "energy", moved)["atom_energy"].sum())
        slope = (energies[0] - energies[1]) / (2 * step)
        assert force[atom, axis] == pytest.approx(-slope, abs=1e-6)
