"""An se_e2_a energy and its forces on the atoms of `world`, padded or ragged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dpc.ir.builder import Builder
from dpc.ir.gradient import gradient
from dpc.ir.graph import Graph
from dpc.ir.params import NetBank
from dpc.ir.program import Facts, Program
from dpc.ir.types import DType
from tests.unit.ir.world import RCUT, SEL


def energy(
    ragged: bool = False,
    one_side: bool = True,
    exclude: tuple[tuple[int, int], ...] = (),
    pair_exclude: tuple[tuple[int, int], ...] = (),
    seed: int = 5,
) -> Program:
    """atom_energy [nloc] of two types; the same numbers in both forms."""
    rng = np.random.default_rng(seed)
    b = Builder()
    coord, atype = b.input("coord", "f64[nall, 3]"), b.input("atype", "i32[nall]")
    nlist = b.input("nlist", f"i32[nloc, nnei{'~' if ragged else ''}]")
    index = "neighbor type" if one_side else "type pair"
    count = 2 if one_side else 4
    embedding = NetBank("embedding", index, (1, 3, 6), "tanh", True, True, DType.F64, count, False)
    fitting = NetBank("fitting", "atom type", (12, 5, 5, 1), "tanh", True, True, DType.F64, 2, True)
    for bank in (embedding, fitting):
        b.declare(bank, {n: rng.normal(size=t.dims) for n, t in bank.tensors().items()})
    mean, std = rng.normal(size=(2, 4)), rng.uniform(0.5, 1.5, size=(2, 4))
    scale = 1 / sum(SEL)

    if pair_exclude:
        nlist = b.exclude_pairs(nlist, atype, pairs=pair_exclude, name="kept")
    r = b.displacement(coord, nlist, name="r")
    ti = b.center_type(atype, nlist, name="ti")
    tj = b.neighbor_type(atype, nlist, sel=SEL, name="tj")
    env = b.env_matrix(
        *(r, ti, nlist), mean=b.param("mean", mean), std=b.param("std", std),
        rcut=RCUT, rcut_smth=0.5, name="env",
    )  # fmt: skip
    which = tj if one_side else b.type_pair(ti, tj, ntypes=2, name="pair")
    g = b.mlp(b.radial(env, name="s"), which, net=embedding, scalar=True, name="g")
    if exclude:
        mask = b.exclude_mask(ti, tj, nlist, pairs=exclude, name="mask")
        env = b.scale_rows(env, mask, name="masked")
    x = b.contract(env, g, scale=scale, name="x")
    if ragged:
        pad = np.zeros((2, 2, 4, 6))
        for i in range(2):
            row = (0 - mean[i]) / std[i]
            for j in range(2):
                net = embedding.net(b.tensors, j if one_side else 2 * i + j)
                pad[i, j] = scale * row[:, None] * net(row[None, :1])
        empty = b.padding(nlist, atype, constant=b.param("pad", pad), sel=SEL, name="empty")
        x = b.add(x, empty, name="x_all")
    d = b.outer(x, axis_neuron=2, name="d")
    e = b.mlp(d, ti, net=fitting, name="e")
    a = b.bias(e, ti, bias=b.param("bias", rng.normal(size=2)), name="a")
    facts = Facts(("O", "H"), RCUT, SEL, min_nbor_dist=0.85)
    return b.program("world", facts, b.graph("energy", atom_energy=a))


def with_forces(program: Program) -> Program:
    """With force, virial and atom_virial."""
    graph = program.energy
    (r,) = (op for op in graph.ops() if op.name == "displacement")
    dr = gradient(graph, "atom_energy", r.out)
    b = Builder()
    more = {
        "force": b.scatter_force(dr, r.nlist, r.coord),
        "virial": b.virial(dr, r.out),
        "atom_virial": b.atom_virial(dr, r.out, r.nlist, r.coord),
    }
    outputs = {**graph.outputs, **more}
    made = program.with_graph(Graph("energy", graph.inputs, outputs))
    return replace(made, facts=replace(made.facts, outputs=tuple(outputs)))
