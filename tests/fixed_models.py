"""Small models that circuits can compute, of any shape, with random smooth weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from dpc.data.inputs import graph_inputs
from dpc.ir.builder import Builder
from dpc.ir.fixed.shape import Contents
from dpc.ir.params import NetBank
from dpc.ir.program import Facts, Program
from dpc.ir.types import DType
from dpc.passes.circuit_form import find_form
from dpc.passes.contents import make_contents
from dpc.passes.real_circuit import Options
from dpc.passes.samples import Sample


@dataclass(frozen=True)
class Made:
    """Options of one model."""

    ntypes: int = 2
    sel: int = 12  # of each type
    neuron: tuple[int, ...] = (4, 8)
    products: int = 20  # random pairs of columns; 0: `axis_neuron` leading columns
    axis_neuron: int = 2
    cyclic: bool = False  # pairs (a, a + k), k < axis_neuron, as NVNMD
    fitting: tuple[int, ...] = (10, 10)
    resnet: bool = True
    timestep: bool = False
    activation: str = "tanh"
    split: bool = False
    two_side: bool = False
    rcut: float = 4.0
    weight_bits: int = 18
    seed: int = 1


MODELS: dict[str, Made] = {
    "smallest": Made(ntypes=1, neuron=(2,), products=1, fitting=(1,), sel=4),
    "far": Made(ntypes=1, neuron=(4,), products=2, fitting=(6,), sel=120, rcut=7.75),
    "odd": Made(ntypes=3, neuron=(5,), products=7, fitting=(7, 7, 5), sel=5, timestep=True),
    "split": Made(split=True, neuron=(3, 6), products=30, timestep=True),
    "two_side": Made(two_side=True),
    "leading": Made(products=0, axis_neuron=3),
    "packed": Made(neuron=(4,), products=9, fitting=(9, 9, 7), timestep=True, weight_bits=8),
    "reduced": Made(neuron=(4, 8), cyclic=True, axis_neuron=2, fitting=(16, 16, 16), resnet=False),
    "nvnmd": Made(neuron=(8, 16, 32), cyclic=True, axis_neuron=4, fitting=(128,) * 3, resnet=False,
                  rcut=5.0, sel=64),
}  # fmt: skip


def made_program(made: Made) -> Program:
    """The energy graph."""
    rng = np.random.default_rng(made.seed)
    nt = made.ntypes
    b = Builder()
    coord = b.input("coord", "f64[nall, 3]")
    atype = b.input("atype", "i32[nall]")
    nlist = b.input("nlist", "i32[nloc, nnei]")
    mean, std = np.zeros((nt, 4)), np.ones((nt, 4))
    mean[:, 0] = rng.uniform(0.05, 0.15, nt)
    std[:, 0], std[:, 1:] = rng.uniform(0.1, 0.2, nt), rng.uniform(0.05, 0.15, (nt, 1))
    mean_, std_ = b.param("mean", mean), b.param("std", std)
    r = b.displacement(coord, nlist)
    ti = b.center_type(atype, nlist)
    env = b.env_matrix(r, ti, nlist, mean=mean_, std=std_, rcut=made.rcut, rcut_smth=0.5)
    tj = b.neighbor_type(atype, nlist, sel=(made.sel,) * nt)
    index = b.type_pair(ti, tj, ntypes=nt) if made.two_side else tj
    embedding = _bank(b, rng, "embedding", "type pair" if made.two_side else "neighbor type",
                      (1, *made.neuron), nt**2 if made.two_side else nt, made, False)  # fmt: skip
    g = b.mlp(b.radial(env), index, net=embedding, scalar=True)
    if made.split:
        g = b.type_columns(g, tj, ntypes=nt)
    x = b.contract(env, g, scale=1 / (made.sel * nt))
    pairs = _pairs(rng, made)
    if pairs is None:
        d = b.outer(x, axis_neuron=made.axis_neuron, symmetric=False)
        count = made.neuron[-1] * made.axis_neuron
    else:
        d, count = b.outer_pairs(x, pairs=b.param("pairs", pairs)), len(pairs)
    widths = (count, *made.fitting, 1)
    fitting = _bank(b, rng, "fitting", "atom type", widths, nt, made, True)
    e = b.mlp(d, ti, net=fitting)
    a = b.bias(e, ti, bias=b.param("bias", rng.normal(size=nt)))
    facts = Facts(tuple("ABCD"[:nt]), made.rcut, (made.sel,) * nt, min_nbor_dist=1.0)
    return b.program("made", facts, b.graph("energy", atom_energy=a))


def _pairs(rng: np.random.Generator, made: Made):
    width = made.neuron[-1] * (made.ntypes if made.split else 1)
    if made.cyclic:
        a, k = (x.ravel() for x in np.indices((width, made.axis_neuron)))
        return np.stack([a, (a + k) % width], axis=1).astype(np.int32)
    if not made.products:
        return None
    every = np.stack(np.triu_indices(width), axis=1).astype(np.int32)
    return every[np.sort(rng.permutation(len(every))[: made.products])]


def _bank(b, rng, name, index, widths, count, made: Made, head: bool) -> NetBank:
    bank = NetBank(
        name, index, widths, made.activation, made.resnet or not head,
        made.timestep and head, DType.F64, count, head,
    )  # fmt: skip
    if head and bank.layers[0].shortcut.value:  # K inputs may be as many as outputs
        bank = replace(bank, plain=(0,))
    tensors = {}
    for tensor, kind in bank.tensors().items():
        shape = kind.dims
        spread = {"weight": 1 / np.sqrt(shape[0]), "bias": 0.5}.get(tensor.rsplit(".")[-1], 0.0)
        tensors[tensor] = rng.normal(scale=spread, size=shape)
        if tensor.endswith("idt"):
            tensors[tensor] = rng.uniform(0.05, 0.2, shape)
        if head and tensor.endswith(".0.weight"):
            tensors[tensor] *= 4.0
    return b.declare(bank, tensors)


def made_samples(made: Made, count: int = 2, natoms: int = 27, seed: int = 3) -> list[Sample]:
    """Perturbed cubic lattices in periodic cells."""
    rng = np.random.default_rng(seed)
    program = made_program(made)
    side = int(np.ceil(natoms ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)
    found = []
    for _ in range(count):
        coord = 2.0 * grid[rng.permutation(len(grid))[:natoms]]
        coord = coord + rng.uniform(-0.4, 0.4, (natoms, 3))
        types = rng.permutation(np.arange(natoms) % made.ntypes).astype(np.int32)
        cell = np.diag([2.0 * side] * 3)
        found.append(Sample(*graph_inputs(program.facts, coord, types, cell, None, None)))
    return found


@cache
def contents(name: str, weight_bits: int | None = None) -> Contents:
    """The contents of a circuit for one of MODELS."""
    made = MODELS[name]
    program = made_program(made)
    options = Options(nearest=0.85, weight_bits=weight_bits or made.weight_bits)
    return make_contents(program, find_form(program), made_samples(made), options)
