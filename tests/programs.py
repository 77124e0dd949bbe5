"""A zoo of small se_e2_a programs with random smooth weights, and samples to run them on.

They are written by hand, op by op, so that tests of the compiler need no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dpc.data.inputs import graph_inputs
from dpc.ir.builder import Builder
from dpc.ir.op import Value
from dpc.ir.params import NetBank
from dpc.ir.program import Facts, Program
from dpc.ir.types import DType
from dpc.passes.samples import Sample


@dataclass(frozen=True)
class Model:
    """Options of one zoo program; names as in DeePMD-kit's input."""

    type_map: tuple[str, ...] = ("O", "H")
    sel: tuple[int, ...] = (9, 14)
    rcut: float = 4.0
    rcut_smth: float = 0.5
    neuron: tuple[int, ...] = (4, 8)
    axis_neuron: int = 3
    type_one_side: bool = True
    exclude_types: tuple[tuple[int, int], ...] = ()
    resnet_dt: bool = False
    fitting: tuple[int, ...] = (10, 10)
    activation: str = "tanh"
    precision: DType = DType.F64
    fparam: int = 0
    aparam: int = 0
    pair_exclude_types: tuple[tuple[int, int], ...] = ()
    atom_exclude_types: tuple[int, ...] = ()
    min_nbor_dist: float | None = 0.9
    zero_mean: bool = False
    seed: int = 1


ZOO: dict[str, Model] = {
    "one_side": Model(),
    "two_side": Model(type_one_side=False),
    "resnet_dt": Model(resnet_dt=True, neuron=(2, 2, 4), axis_neuron=2),
    "exclude": Model(exclude_types=((0, 1),)),
    "two_side_exclude": Model(type_one_side=False, exclude_types=((0, 0),)),
    "pair_exclude": Model(pair_exclude_types=((0, 1),)),
    "atom_exclude": Model(atom_exclude_types=(1,)),
    "fparam_aparam": Model(fparam=2, aparam=1),
    "zero_mean": Model(zero_mean=True),
    "float32": Model(precision=DType.F32),
    "sel_overflow": Model(sel=(3, 5)),
    "three_types": Model(type_map=("A", "B", "C"), sel=(6, 8, 10), type_one_side=False),
    **{name: Model(activation=name) for name in ("sigmoid", "softplus", "gelu", "linear")},
    **{name: Model(activation=name) for name in ("relu", "relu6")},
}


def facts(model: Model) -> Facts:
    """What callers know of the model."""
    return Facts(
        type_map=model.type_map,
        rcut=model.rcut,
        sel=model.sel,
        fparam=model.fparam,
        aparam=model.aparam,
        min_nbor_dist=model.min_nbor_dist,
    )


def _bank(
    b: Builder,
    model: Model,
    rng: np.random.Generator,
    name: str,
    index: str,
    widths: tuple[int, ...],
    count: int,
    head: bool,
) -> NetBank:
    bank = NetBank(
        name, index, widths, model.activation, True, model.resnet_dt, model.precision, count, head
    )
    tensors = {}
    for tensor, kind in bank.tensors().items():
        size = rng.normal(size=kind.dims)
        scale = {"weight": 1.0 / np.sqrt(kind.dims[0]), "bias": 0.3, "idt": 0.3}
        what = tensor.rsplit(".", 1)[1]
        array = size * scale[what] + (0.5 if what == "idt" else 0.0)
        tensors[tensor] = array.astype(kind.dtype.numpy)
    return b.declare(bank, tensors)


def program(model: Model = ZOO["one_side"]) -> Program:
    """The energy graph of a model, as the front end lowers it: padded lists, no forces."""
    rng = np.random.default_rng(model.seed)
    ntypes, width = len(model.type_map), model.neuron[-1]
    b = Builder()
    coord = b.input("coord", "f64[nall, 3]")
    atype = b.input("atype", "i32[nall]")
    nlist = b.input("nlist", "i32[nloc, nnei]")
    fparam = b.input("fparam", f"f64[{model.fparam}]") if model.fparam else None
    aparam = b.input("aparam", f"f64[nloc, {model.aparam}]") if model.aparam else None
    mean = np.zeros((ntypes, 4)) if model.zero_mean else rng.uniform(-0.02, 0.1, (ntypes, 4))
    mean[:, 1:] *= 0.3
    mean_param = b.param("mean", mean)
    std_param = b.param("std", rng.uniform(0.1, 0.2, (ntypes, 1)) * np.ones(4))

    ti = b.center_type(atype, nlist, name="ti")
    if model.pair_exclude_types:
        nlist = b.exclude_pairs(nlist, atype, pairs=model.pair_exclude_types, name="kept")
    r = b.displacement(coord, nlist, name="r")
    tj = b.neighbor_type(atype, nlist, sel=model.sel, name="tj")
    env = b.env_matrix(
        r,
        ti,
        nlist,
        mean=mean_param,
        std=std_param,
        rcut=model.rcut,
        rcut_smth=model.rcut_smth,
        name="env",
    )
    if model.precision is DType.F32:
        env = b.cast(env, dtype=DType.F32)
    s = b.radial(env, name="s")
    if model.exclude_types:
        mask = b.exclude_mask(ti, tj, nlist, pairs=model.exclude_types, name="mask")
        env = b.scale_rows(env, mask, name="masked")
    index, which, count = tj, "neighbor type", ntypes
    if not model.type_one_side:
        index, which = b.type_pair(ti, tj, ntypes=ntypes, name="pair"), "type pair"
        count = ntypes * ntypes
    embedding = _bank(b, model, rng, "embedding", which, (1, *model.neuron), count, False)
    g = b.mlp(s, index, net=embedding, scalar=True, name="g")
    x = b.contract(env, g, scale=1.0 / sum(model.sel), name="x")
    d = b.outer(x, axis_neuron=model.axis_neuron, name="d")
    if model.precision is DType.F32:
        d = b.cast(d, dtype=DType.F64)
    d, inputs = _parameters(b, rng, d, fparam, aparam, width * model.axis_neuron)
    if model.precision is DType.F32:
        d = b.cast(d, dtype=DType.F32)
    fitting = _bank(
        b, model, rng, "fitting", "atom type", (inputs, *model.fitting, 1), ntypes, True
    )
    e = b.mlp(d, ti, net=fitting, name="e")
    if model.precision is DType.F32:
        e = b.cast(e, dtype=DType.F64)
    energy = b.bias(e, ti, bias=b.param("bias", rng.normal(size=ntypes)), name="a")
    if model.atom_exclude_types:
        energy = b.type_mask(energy, ti, exclude=model.atom_exclude_types, name="kept_energy")
    return b.program("zoo", facts(model), b.graph("energy", atom_energy=energy))


def _parameters(
    b: Builder,
    rng: np.random.Generator,
    d: Value,
    fparam: Value | None,
    aparam: Value | None,
    width: int,
) -> tuple[Value, int]:
    """Frame and atom parameters beside the descriptor."""
    parts = [d]
    for name, value in (("fparam", fparam), ("aparam", aparam)):
        if value is None:
            continue
        n = int(value.dims[-1])
        avg = b.param(f"{name}_avg", rng.normal(size=n))
        inv_std = b.param(f"{name}_inv_std", rng.uniform(0.5, 2.0, n))
        one = b.normalize(value, avg=avg, inv_std=inv_std)
        parts.append(b.broadcast_atoms(one, d) if name == "fparam" else one)
        width += n
    return (b.concat(tuple(parts)), width) if len(parts) > 1 else (d, width)


def samples(model: Model = ZOO["one_side"], count: int = 2, natoms: int = 12) -> list[Sample]:
    """Packed random periodic cells, no pair nearer than 1 Å."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(count):
        side = np.ceil(natoms ** (1 / 3))
        grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)
        coord = 1.9 * grid[rng.permutation(len(grid))[:natoms]] + rng.uniform(
            -0.4, 0.4, (natoms, 3)
        )
        cell = np.diag([1.9 * side] * 3)
        types = rng.permutation(np.arange(natoms) % len(model.type_map)).astype(np.int32)
        fparam = rng.normal(size=model.fparam) if model.fparam else None
        aparam = rng.normal(size=(natoms, model.aparam)) if model.aparam else None
        made.append(Sample(*graph_inputs(facts(model), coord, types, cell, fparam, aparam)))
    return made


def variant(**options: object) -> Model:
    """The one-sided zoo model with other options."""
    return replace(ZOO["one_side"], **options)  # type: ignore[arg-type]
