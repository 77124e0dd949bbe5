"""What each op of a fused program becomes on a GPU: kernels, and their launches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dpc.backends.gpu import descriptor, embedding, fitting
from dpc.backends.gpu.embedding import Rows
from dpc.backends.gpu.fitting import per_thread
from dpc.backends.gpu.parameters import OPS
from dpc.backends.gpu.plan import Emitter, Matrix, Plan
from dpc.backends.host.parameters import Parameters
from dpc.errors import DpcError, InputError
from dpc.ir.types import DType

INPUTS = {
    "coord": "MEMORY(step->coord)",
    "atype": "MEMORY(step->type)",
    "nlist": Rows(),
    "fparam": "MEMORY(step->fparam)",
    "aparam": "MEMORY(step->aparam)",
}
"""What the inputs of the graph are in dpc_step."""

OUTPUTS = ("atom_energy", "force", "virial", "atom_virial")
"""What the graph must give; the energy is summed here."""

SUM_THREADS = 128
SUM_BLOCKS = 64


@dataclass(frozen=True)
class Energies:
    """Energies of atoms that nobody has written yet: a net's, a bias, types that are left out."""

    net: Matrix
    bias: str = ""
    exclude: frozenset[int] = frozenset()


def nothing(plan: Plan, op: Any) -> None:
    """Ops that only name what is there already."""
    plan.values[op.out] = "NUMBER(step->center_type)"


def nearest_neighbors(plan: Plan, op: Any) -> None:
    """The rows that env_contract makes; no code."""
    plan.values[op.out] = Rows(op.rcut, op.sel)


def exclude_pairs(plan: Plan, op: Any) -> None:
    """The rows that env_contract makes; no code."""
    plan.values[op.out] = replace(plan.at(op.nlist), pair_exclude=op.pairs)


def displacement(plan: Plan, op: Any) -> None:
    """Kernels compute r from positions."""
    plan.values[op.out] = plan.at(op.nlist)


def bias(plan: Plan, op: Any) -> None:
    """Energy of each centre: the net's, plus that of its type."""
    given = plan.at(op.e)
    net = given.net if isinstance(given, Energies) else given
    plan.values[op.out] = Energies(net, op.bias.name)


def cast(plan: Plan, op: Any) -> None:
    """Parameters to the number format of the nets, energies from it: where they are written."""
    given = plan.at(op.a)
    if isinstance(given, Parameters) and op.dtype is plan.dtype:
        OPS.cast(plan, op)
    elif isinstance(given, Matrix) and op.dtype is DType.F64 and given.width == 1:
        plan.values[op.out] = given
    else:
        raise InputError(f"no code for {plan.text[op]}")


def type_mask(plan: Plan, op: Any) -> None:
    """Zero for centres of excluded types."""
    value = plan.at(op.a)
    if isinstance(value, Energies):
        plan.values[op.out] = replace(value, exclude=value.exclude | frozenset(op.exclude))
        return
    if not value.whole:
        raise InputError(f"no code for {plan.text[op]}: of some columns only")
    plan.values[op.out] = value  # in place
    kernel = plan.kernel("clear", "sums.h", SUM_THREADS)
    numbers = f"(int64_t)step->count * {value.width}"
    arguments = [f"ARRAY({value.array})", f"VALUE(int64_t, {numbers})"]
    test = " || ".join(f"step->center_type == {t}" for t in op.exclude) or "0"
    plan.launch(op, kernel, per_thread(numbers, SUM_THREADS), arguments, condition=test)


def concat(plan: Plan, op: Any) -> None:
    """The parts were written side by side; see plan._share_concat."""


def slice_(plan: Plan, op: Any) -> None:
    """Some columns of a value; no code."""
    whole: Matrix = plan.at(op.a)
    plan.values[op.out] = replace(whole, first=whole.first + op.start, width=op.width)


def sums(plan: Plan, op: Any) -> None:
    """Forces and virials are added where dr is made."""
    rows = plan.at(op.dr)
    other = op.nlist if hasattr(op, "nlist") else op.r
    if plan.at(other) != rows:
        raise InputError(f"{plan.text[op]}: dr and the list have different rows")
    if plan.program.energy.outputs.get(op.name.removeprefix("scatter_")) != op.out:
        raise InputError(f"{plan.text[op]}: is not an output of the graph, which it must be")
    plan.launches[-1].text += f"\n{plan.text[op]}"
    plan.values[op.out] = "added"


def finish(plan: Plan) -> None:
    """Energies of atoms; sums over the chunk and over all chunks; forces as numbers."""
    energies = plan.at(plan.program.energy.output("atom_energy"))
    if not isinstance(energies, Energies):
        raise DpcError("atom_energy is not an array over atoms with a bias")
    for name in plan.program.energy.outputs:
        if name not in OUTPUTS:
            raise InputError(f"graph {plan.program.energy.name}: libdpc has no output {name!r}")
    plan.header("fixed.h")
    plan.define(SUM_THREADS=SUM_THREADS, SUM_BLOCKS=SUM_BLOCKS)
    own = plan.array("energy", "f64 [centres]", center=8)
    bias = plan.tensor(energies.bias, plan.program.store[energies.bias])
    kept = " && ".join(f"step->center_type != {t}" for t in sorted(energies.exclude)) or "1"
    kernel = plan.kernel("energies", "sums.h", SUM_THREADS)
    arguments = [
        f"ARRAY({energies.net.array})", bias, "NUMBER(step->center_type)",
        f"VALUE(int32_t, {kept})", "MEMORY(step->centers)", "NUMBER(step->first)",
        "NUMBER(step->count)", own, "MEMORY(step->atom_energy)",
    ]  # fmt: skip
    force_launches = plan.launches[plan.energy_launches :]
    del plan.launches[plan.energy_launches :]
    plan.launch(None, kernel, per_thread("step->count", SUM_THREADS), arguments)
    summed = plan.array("sums", f"f64 [{SUM_BLOCKS}][10]", kept=True, fixed=80 * SUM_BLOCKS)
    virial = plan.array("virial_of", "f64 [centres][9]", center=72)
    add = plan.kernel("sum_chunk", "sums.h", SUM_THREADS)
    arguments = [own, virial, "NUMBER(step->count)", summed]
    alone = [own, "NOTHING", "NUMBER(step->count)", summed]
    plan.launch(None, add, str(SUM_BLOCKS), alone, condition="!FORCES(step)")
    plan.energy_launches = len(plan.launches)
    plan.launches += force_launches
    plan.launch(None, add, str(SUM_BLOCKS), arguments)
    every = plan.kernel("sum_all", "sums.h", SUM_THREADS)
    arguments = [summed, "MEMORY(step->energy)", "MEMORY(step->virial)"]
    plan.launch(None, every, "1", arguments, finish=True)
    _finish_forces(plan)


def _finish_forces(plan: Plan) -> None:
    """Whole numbers to forces, and to virials of atoms."""
    unfix = plan.kernel("unfix", "fixed.h", SUM_THREADS)
    for name, result, width in (("force", "force", 3), ("atom_virial", "atom_virial", 9)):
        numbers = f"(int64_t)step->nall * {width}"
        arguments = [
            f"ARRAY({name})", f"VALUE(int64_t, {numbers})", f"MEMORY(step->{result})",
            "MEMORY(step->counters)",
        ]  # fmt: skip
        blocks = per_thread(numbers, SUM_THREADS)
        plan.launch(None, unfix, blocks, arguments, condition=f"step->{result}", finish=True)


EMITTERS: dict[str, Emitter] = {
    "center_type": nothing,
    "nearest_neighbors": nearest_neighbors,
    "exclude_pairs": exclude_pairs,
    "displacement": displacement,
    "env_contract": embedding.env_contract,
    "env_contract_vjp": embedding.env_contract_vjp,
    "outer": descriptor.outer,
    "outer_vjp": descriptor.outer_vjp,
    "outer_pairs": descriptor.outer_pairs,
    "outer_pairs_vjp": descriptor.outer_pairs_vjp,
    "expand": descriptor.expand,
    "expand_vjp": descriptor.expand_vjp,
    "mlp_gradient": fitting.mlp_gradient,
    "bias": bias,
    "type_mask": type_mask,
    "concat": concat,
    "slice": slice_,
    "normalize": OPS.normalize,
    "broadcast_atoms": OPS.broadcast_atoms,
    "cast": cast,
    "scatter_force": sums,
    "virial": sums,
    "atom_virial": sums,
}
