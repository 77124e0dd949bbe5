"""symmetrize, widen, exact_neighbors, fuse and memory: what they find and what they leave."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dpc.ir.builder import Builder
from dpc.ir.evaluate import evaluate
from dpc.ir.graph import Graph
from dpc.ir.ops.contraction import Outer
from dpc.ir.program import Buffer
from dpc.ir.types import DType, Ragged
from dpc.passes.base import Context
from dpc.passes.canonicalize import Canonicalize
from dpc.passes.memory import place
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import inputs_for, ragged_list
from dpc.passes.symmetrize import Symmetrize
from dpc.passes.widen import Widen
from tests.programs import ZOO, facts, program, samples, variant

FUSED = "widen symmetrize tabulate differentiate exact_neighbors fuse"


def names(graph: Graph) -> list[str]:
    return [op.name for op in graph.body()]


def test_symmetrize_folds_around_parameters() -> None:
    context = Context()
    after = Symmetrize().run(program(ZOO["fparam_aparam"]), context)
    assert context.notes == {"components_before": 24, "components_after": 21}
    assert after.banks["fitting"].widths[0] == 21 + 3
    assert all(op.symmetric for op in after.energy.find(Outer))


def test_symmetrize_leaves_a_layer_that_adds_its_input() -> None:
    context = Context()
    before = program(variant(fitting=(24, 8)))
    assert Symmetrize().run(before, context) is before
    assert "adds its own input" in context.notes["skipped"]


def test_symmetrize_never_makes_a_layer_add_its_input() -> None:
    """21 components into 21 neurons: by its widths the folded layer would be a resnet's."""
    model = variant(fitting=(21, 8))
    after = Pipeline.parse("symmetrize").run(program(model), context := Context(samples(model)))
    assert after.banks["fitting"].plain == (0,)
    assert context.reports[0].errors is not None
    assert context.reports[0].errors["force"].max < 1e-12


def test_symmetrize_keeps_a_descriptor_that_is_read_elsewhere() -> None:
    before = program()
    (outer,) = before.energy.find(Outer)
    graph = replace(before.energy, outputs={**before.energy.outputs, "descriptor": outer.out})
    context = Context()
    Symmetrize().run(replace(before, graphs={"energy": graph}), context)
    assert "output" in context.notes["skipped"]


def test_widen_leaves_no_float32() -> None:
    after = Widen().run(program(ZOO["float32"]), Context())
    assert {t.dtype for op in after.energy.body() for t in op.types} == {DType.F64, DType.I32}
    assert all(array.dtype == np.float64 for array in after.store.values())
    assert "cast" not in names(after.energy)


def test_canonicalize_folds_constants() -> None:
    b = Builder()
    x = b.input("x", "f64[2]")
    two = b.constant(value=b.param("two", np.array([2.0, 3.0])))
    four = b.multiply(two, b.add(two, two))
    before = b.program("fold", facts(variant()), b.graph("energy", atom_energy=b.add(x, four)))
    after = Canonicalize().run(before, Context())
    assert names(after.energy) == ["constant", "add"]
    assert list(after.store.values())[0].tolist() == [8.0, 18.0]


def long_list(sample_inputs: dict, reach: float) -> Ragged:
    """Every atom within `reach`, farther than rcut, in the order of indices."""
    coord, nloc = sample_inputs["coord"], len(sample_inputs["nlist"])
    rows = []
    for i in range(nloc):
        near = np.linalg.norm(coord - coord[i], axis=1) < reach
        near[i] = False
        rows.append(np.flatnonzero(near).astype(np.int32))
    return Ragged.from_rows(rows)


@pytest.mark.parametrize("name", ["one_side", "sel_overflow", "pair_exclude", "two_side_exclude"])
@pytest.mark.parametrize("passes", ["differentiate exact_neighbors", FUSED])
def test_lists_with_a_skin_give_the_same(name: str, passes: str) -> None:
    compiled = Pipeline.parse(passes).run(program(ZOO[name]))
    sample = samples(ZOO[name], count=1)[0]
    inputs = inputs_for(compiled.energy, sample)
    exact = evaluate(compiled, "energy", inputs)
    longer = {**inputs, "nlist": long_list(dict(sample.inputs), 6.0)}
    assert len(longer["nlist"].values) > len(inputs["nlist"].values)
    for output, array in evaluate(compiled, "energy", longer).items():
        np.testing.assert_allclose(array, exact[output], rtol=0, atol=1e-12)


def test_lone_atoms_keep_the_energy_of_their_empty_slots() -> None:
    before = program(ZOO["two_side_exclude"])
    after = Pipeline.parse("exact_neighbors").run(before)
    nlist = np.full((2, 23), -1, np.int32)
    inputs = {"coord": np.zeros((2, 3)), "atype": np.array([0, 1], np.int32), "nlist": nlist}
    padded = evaluate(before, "energy", inputs)["atom_energy"]
    ragged = evaluate(after, "energy", {**inputs, "nlist": ragged_list(nlist)})["atom_energy"]
    np.testing.assert_allclose(ragged, padded, rtol=1e-14)


@pytest.mark.parametrize("name", ZOO)
def test_everything_in_the_zoo_is_fused(name: str) -> None:
    found = names(Pipeline.parse(FUSED).run(program(ZOO[name])).energy)
    for op in ("env_contract", "env_contract_vjp", "mlp_gradient"):
        assert found.count(op) == 1, found
    assert not {"env_matrix", "contract", "padding", "mlp", "mlp_vjp", "table"} & set(found)


def test_fuse_leaves_padded_programs_alone() -> None:
    found = names(Pipeline.parse("differentiate fuse").run(program()).energy)
    assert "contract" in found and "env_contract" not in found and "mlp_gradient" in found


def test_memory_never_overlaps_and_reuses() -> None:
    compiled = Pipeline.parse(FUSED + " memory{tile=12}").run(program(ZOO["fparam_aparam"]))
    plan = compiled.memory
    assert plan is not None
    check_places(plan.buffers)
    assert plan.size < sum(b.size for b in plan.buffers)
    (x,) = [b for b in plan.buffers if b.value == "x"]
    assert x.size == 12 * 4 * 8 * 8


def check_places(buffers: tuple[Buffer, ...]) -> None:
    for i, a in enumerate(buffers):
        assert a.offset % 64 == 0 and a.size % 64 == 0 and a.first <= a.last
        for b in buffers[i + 1 :]:
            together = a.first <= b.last and b.first <= a.last
            apart = a.offset + a.size <= b.offset or b.offset + b.size <= a.offset
            assert apart or not together, (a, b)


def test_place_random_lifetimes() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        first = rng.integers(0, 30, 25)
        buffers = [
            Buffer(str(i), 0, int(64 * rng.integers(1, 9)), int(f), int(f + rng.integers(0, 9)))
            for i, f in enumerate(first)
        ]
        check_places(place(buffers))
