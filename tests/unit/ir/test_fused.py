"""Fused ops against the ops they replace, and nearest_neighbors against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpc.ir.builder import Builder
from dpc.ir.evaluate import evaluate
from dpc.ir.graph import Graph
from dpc.ir.rewrite import substitute
from dpc.ir.types import Ragged
from tests.unit.ir.models import energy
from tests.unit.ir.world import ATYPE, COORD, NALL, NLOC, RCUT, ROWS, SEL, World

EVERYONE = Ragged.from_rows([[j for j in range(NALL) if j != i] for i in range(NLOC)], np.int32)


def fused(index: str, table: bool, **more: Any) -> tuple[World, dict[str, Any]]:
    world = World(ragged=True)
    made = {**world.env_contract(index), "exclude": (), "pair_exclude": (), **more}
    if table:
        made["net"] = world.table(index, 6, count=4 if index == "type pair" else 2)
    return world, made


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("index", ["neighbor type", "type pair"])
@pytest.mark.parametrize(
    "more", [{}, {"exclude": ((0, 1),)}, {"pair_exclude": ((0, 0),)}, {"sel": (2, 1)}]
)
def test_slope(table: bool, index: str, more: dict[str, Any]) -> None:
    """Force from env_contract_vjp against differences of sum(w env_contract)."""
    world, fields = fused(index, table, **more)
    b, (coord, atype, nlist) = Builder(), (world.coord, world.atype, world.nlist)
    seed = world.atoms("seed", 4, 6)
    x = b.env_contract(coord, atype, nlist, **fields)
    near = b.nearest_neighbors(coord, atype, nlist, rcut=fields["rcut"], sel=fields["sel"])
    if fields["pair_exclude"]:
        near = b.exclude_pairs(near, atype, pairs=fields["pair_exclude"])
    # given the list before or after nearest_neighbors: the same
    dr = b.env_contract_vjp(seed, coord, atype, nlist, **fields)
    same = b.env_contract_vjp(seed, coord, atype, near, **fields)
    force = b.scatter_force(dr, near, coord)
    program = world.program({"x": x, "force": force, "dr": dr, "same": same})
    inputs = {**world.inputs, "nlist": EVERYONE}
    out = evaluate(program, "energy", inputs)
    np.testing.assert_array_equal(out["dr"].values, out["same"].values)
    rng, h = np.random.default_rng(2), 1e-6
    for _ in range(3):
        v = rng.normal(size=COORD.shape)
        ends = [evaluate(program, "energy", {**inputs, "coord": COORD + s * v}) for s in (h, -h)]
        slope = np.sum(inputs["seed"] * (ends[0]["x"] - ends[1]["x"])) / (2 * h)
        assert -np.sum(out["force"] * v) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("one_side", [False, True])
def test_replaces_the_ops_of_a_model(one_side: bool) -> None:
    exclude, pair_exclude = ((1, 0),), ((1, 1),)
    program = energy(True, one_side, exclude=exclude, pair_exclude=pair_exclude)
    graph = program.energy
    (x,) = (op for op in graph.ops() if op.names == ("x_all",))
    fused = Builder().env_contract(
        *(graph.input(label) for label in ("coord", "atype", "nlist")),
        mean=program.params["mean"], std=program.params["std"], net=program.banks["embedding"],
        constant=program.params["pad"], rcut=RCUT, rcut_smth=0.5, sel=SEL, scale=1 / sum(SEL),
        exclude=exclude, pair_exclude=pair_exclude,
    )  # fmt: skip
    other = program.with_graph(substitute(graph, {x.out: fused}))
    assert len(other.energy.body()) == 6
    inputs = {"coord": COORD, "atype": ATYPE, "nlist": Ragged.from_rows(ROWS, np.int32)}
    one, two = (evaluate(p, "energy", inputs)["atom_energy"] for p in (program, other))
    np.testing.assert_allclose(one, two, rtol=1e-13)


@pytest.mark.parametrize("pairs", [((0, 1),), ((1, 0),)])
def test_pairs_are_excluded_in_either_order(pairs: Any) -> None:
    world = World(ragged=False)
    b = Builder()
    mask = b.exclude_mask(world.ti, world.tj, world.nlist, pairs=pairs)
    kept = b.exclude_pairs(world.nlist, world.atype, pairs=pairs)
    out = evaluate(world.program({"mask": mask, "kept": kept}), "energy", world.inputs)
    assert out["mask"].tolist() == [[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert out["kept"].tolist() == [[2, 3, 6, -1, -1], [-1, -1, -1, 5, -1], [-1] * 5]


def test_padding_is_added() -> None:
    """An atom without neighbours: sum_t sel[t] pad[ti, t]."""
    world, fields = fused("neighbor type", False)
    x = Builder().env_contract(world.coord, world.atype, world.nlist, **fields)
    lonely = Ragged(np.zeros(0, np.int32), np.array([0, 0, 0, 0]))
    out = evaluate(world.program({"x": x}), "energy", {**world.inputs, "nlist": lonely})
    pad, (a, b) = world.tensors["pad"], fields["sel"]
    for atom in range(NLOC):
        ti = ATYPE[atom]
        np.testing.assert_allclose(out["x"][atom], a * pad[ti, 0] + b * pad[ti, 1], rtol=1e-14)


def test_mlp_gradient_is_mlp_and_its_adjoint() -> None:
    world = World(ragged=False)
    d, ti, net = world.atoms("d", 4), world.ti, world.net("atom type", 4, 5, 5, 1, head=True)
    b = Builder()
    e, dd = b.mlp_gradient(d, ti, net=net, name=("e", "dd"))
    plain = b.mlp(d, ti, net=net)
    adjoint = b.mlp_vjp(b.ones_like(plain), d, ti, net=net)
    out = evaluate(
        world.program({"e": e, "dd": dd, "a": plain, "b": adjoint}), "energy", world.inputs
    )
    np.testing.assert_array_equal(out["e"], out["a"])
    np.testing.assert_array_equal(out["dd"], out["b"])


def nearest(coord: np.ndarray, atype: np.ndarray, nlist: Ragged, rcut: float, sel: Any) -> Ragged:
    b = Builder()
    inputs = (b.input("coord", "f64[nall, 3]"), b.input("atype", "i32[nall]"),
              b.input("nlist", "i32[nloc, list~]"))  # fmt: skip
    graph = b.graph("g", n=b.nearest_neighbors(*inputs, rcut=rcut, sel=sel))
    program = b.program("p", World(True).program({}).facts, graph)
    found = evaluate(program, graph, {"coord": coord, "atype": atype, "nlist": nlist})["n"]
    assert isinstance(found, Ragged)
    return found


def test_nearest_neighbors() -> None:
    rng = np.random.default_rng(8)
    coord, atype = rng.uniform(0, 5, size=(30, 3)), rng.integers(-1, 3, size=30)
    rows = [rng.permutation([j for j in range(30) if j != i]) for i in range(10)]
    sel, rcut = (2, 0, 5), 2.5
    found = nearest(coord, atype, Ragged.from_rows(rows, np.int32), rcut, sel)
    for i, row in enumerate(rows):
        distance = np.linalg.norm(coord - coord[i], axis=1)
        near = [j for j in row if atype[j] >= 0 and distance[j] < rcut]
        near = sorted(near, key=lambda j: (distance[j], j))[: sum(sel)]
        expected = []
        for t, most in enumerate(sel):
            expected += [j for j in near if atype[j] == t][:most]
        assert found[i].tolist() == expected
    again = nearest(coord, atype, found, rcut, sel)
    np.testing.assert_array_equal(again.values, found.values)
    np.testing.assert_array_equal(again.offsets, found.offsets)


def test_equally_far_neighbors_go_by_index() -> None:
    coord = np.array([[0.0, 0, 0], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, 5]])
    rows = Ragged.from_rows([[4, 3, 2, 1]], np.int32)
    assert nearest(coord, np.zeros(5, int), rows, 3.0, (2,))[0].tolist() == [1, 2]


def test_evaluates_no_more_than_it_must() -> None:
    """A fused op does not evaluate anew what its operands come from."""
    world, fields = fused("neighbor type", False)
    b = Builder()
    x = b.env_contract(world.coord, world.atype, world.nlist, **fields)
    dr = b.env_contract_vjp(x, world.coord, world.atype, world.nlist, **fields)
    graph = Graph("energy", tuple(world.made), {"dr": dr})
    assert [op.name for op in graph.body()] == ["env_contract", "env_contract_vjp"]
    calls: list[str] = []
    from dpc.ir.evaluate import Evaluation

    class Counting(Evaluation):
        def _call(self, op: Any, operands: list[Any]) -> tuple[Any, ...]:
            calls.append(op.name)
            return super()._call(op, operands)

    known = {i.out: world.inputs[i.label] for i in world.made}
    Counting(world.program({"dr": dr}).store).run([dr], known)
    assert calls.count("env_contract") == 1
    assert calls.count("padding") == 1
