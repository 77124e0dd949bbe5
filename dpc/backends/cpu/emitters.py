"""What each op of a fused program becomes in plan.c: calls of kernels and of `stages/`."""

from __future__ import annotations

from typing import Any

from dpc.backends.cpu import descriptor, embedding
from dpc.backends.cpu.descriptor import call
from dpc.backends.cpu.embedding import RowSet
from dpc.backends.cpu.parameters import OPS
from dpc.backends.host.parameters import Parameters
from dpc.backends.host.parts import C_TYPES, Lanes
from dpc.backends.host.plan import Emitter, Plan
from dpc.backends.tvm.kernels.gradient import GradientSpec
from dpc.backends.tvm.kernels.layer import Products
from dpc.errors import DpcError, InputError
from dpc.ir.params import NetBank
from dpc.ir.types import DType

INPUTS = {
    "coord": "tile->coord",
    "atype": "tile->type",
    "nlist": RowSet(),
    "fparam": "tile->fparam",
    "aparam": "tile->aparam",
}
"""What the inputs of the graph are in dpc_tile."""

OUTPUTS = ("atom_energy", "force", "virial", "atom_virial")
"""What the graph must give; the runtime sums the energy."""


def nothing(plan: Plan, op: Any) -> None:
    """Ops that only name what is there already."""
    plan.values[op.out] = "tile->center_type"


def nearest_neighbors(plan: Plan, op: Any) -> None:
    """The same rows as env_contract makes; no code."""
    plan.values[op.out] = RowSet(op.rcut, op.sel)


def exclude_pairs(plan: Plan, op: Any) -> None:
    """The same rows as env_contract makes; no code."""
    before: RowSet = plan.at(op.nlist)
    plan.values[op.out] = RowSet(before.rcut, before.sel, op.pairs)


def displacement(plan: Plan, op: Any) -> None:
    """r lies in the rows."""
    plan.values[op.out] = plan.at(op.nlist)


def mlp_gradient(plan: Plan, op: Any) -> None:
    """The fitting net and its gradient."""
    bank = op.net
    layers = tuple(embedding.kernel_layer(layer) for layer in bank.layers)
    name = embedding.c_name(bank.name)
    first, hidden = _products(plan, bank)
    spec = plan.tile_kernel(
        lambda vectors: GradientSpec(name, layers, plan.real, vectors, hidden, first)
    )
    (gradient,) = spec.names
    d = plan.at(op.d)
    e = plan.lanes(op.results[0], "e", 1)
    dd = plan.lanes(op.results[1], "dd", bank.widths[0])
    plan.scratch(spec.full)
    size = spec.full.pack_bytes() // plan.dtype.bytes
    net = embedding.store_bank(plan, bank, spec.full)
    net += f" + (size_t)tile->center_type * {size}"
    code = call(gradient, d.pointer, net, e.pointer, dd.pointer, "b.work")
    plan.stage(op, code, {d.buffer, e.buffer, dd.buffer, "work"})


def _products(plan: Plan, bank: NetBank) -> tuple[Products, Products]:
    """How the products of the first and of the hidden layers are computed.

    What may be bfloat16 is float32 in the code for the lesser of several processors.
    """
    if not bank.bf16 or "bf16" not in plan.target.features:
        return "", ""
    return ("amx3", "amx") if "amx" in plan.target.features else ("", "bf16")


def bias(plan: Plan, op: Any) -> None:
    """Energy of each centre: the net's, plus that of its type."""
    e: Lanes = plan.at(op.e)
    numbers = plan.tensor(
        op.bias.name, plan.program.store[op.bias.name], embedding.address(op.bias.name)
    )
    plan.values[op.out] = e  # in place
    code = [
        f"const double base = {numbers}[tile->center_type];",
        f"for (int32_t a = 0; a < lanes; a++) {e.lane('a')} += base;",
    ]
    plan.stage(op, ["{", *("  " + line for line in code), "}"], {e.buffer})


def type_mask(plan: Plan, op: Any) -> None:
    """Zero for centres of excluded types: all lanes, since a tile has one type."""
    value: Lanes = plan.at(op.a)
    plan.values[op.out] = value  # in place
    test = " || ".join(f"tile->center_type == {t}" for t in op.exclude) or "0"
    bytes_ = f"{value.features} * (size_t)lanes * sizeof *b.{value.buffer}"
    plan.stage(op, [f"if ({test})", f"  memset({value.pointer}, 0, {bytes_});"], {value.buffer})


def cast(plan: Plan, op: Any) -> None:
    """Parameters to the number format of the nets, and energies from it."""
    given = plan.at(op.a)
    if isinstance(given, Parameters) and op.dtype is plan.dtype:
        OPS.cast(plan, op)
    elif isinstance(given, Lanes) and op.dtype is DType.F64 and given.features == 1:
        to = plan.lanes(op.out, "energy", 1, C_TYPES[op.dtype])
        code = [f"for (int32_t a = 0; a < lanes; a++) {to.lane('a')} = {given.lane('a')};"]
        plan.stage(op, code, {given.buffer, to.buffer})
    else:
        raise InputError(f"no code for {plan.text[op]}")


def concat(plan: Plan, op: Any) -> None:
    """The parts were written side by side; see plan._share_concat."""


def slice_(plan: Plan, op: Any) -> None:
    """Some features of a value; no code."""
    whole: Lanes = plan.at(op.a)
    plan.values[op.out] = Lanes(whole.buffer, whole.first + op.start, op.width)


def scatter_force(plan: Plan, op: Any) -> None:
    """Forces, in the loop that makes dr."""
    _in_row_loop(plan, op, "force", "dpc_scatter_force(r, n, tile->atoms[a], tile->force);")


def virial(plan: Plan, op: Any) -> None:
    """The virial, in the loop that makes dr."""
    _in_row_loop(plan, op, "virial", "dpc_add_virial(r, n, tile->virial);")


def atom_virial(plan: Plan, op: Any) -> None:
    """The atoms' virials, in the loop that makes dr."""
    _in_row_loop(plan, op, "atom_virial", "dpc_add_atom_virial(r, n, tile->atom_virial);")


def _in_row_loop(plan: Plan, op: Any, output: str, call: str) -> None:
    rows, stage = plan.at(op.dr)
    other = op.nlist if hasattr(op, "nlist") else op.r
    if plan.at(other) != rows:
        raise InputError(f"{plan.text[op]}: dr and the list have different rows")
    if plan.graph.outputs.get(output) != op.out:
        raise InputError(f"{plan.text[op]}: is not the output {output!r}, which it must be")
    stage.text.append(plan.text[op])
    stage.code.append(f"if (tile->{output}) {call}")
    plan.values[op.out] = output


def finish(plan: Plan) -> None:
    """Write the energies; goes behind the stages that make them."""
    energy = plan.at(plan.graph.output("atom_energy"))
    if not isinstance(energy, Lanes):
        raise DpcError("atom_energy is not an array over atoms")
    for name in plan.graph.outputs:
        if name not in OUTPUTS:
            raise InputError(f"graph {plan.graph.name}: the runtime has no output {name!r}")
    stage = plan.stages[plan.energy_stages - 1]
    stage.code += [f"dpc_add_energy(tile, {energy.pointer});"]
    stage.uses.add(energy.buffer)


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
    "mlp_gradient": mlp_gradient,
    "bias": bias,
    "type_mask": type_mask,
    "concat": concat,
    "slice": slice_,
    "normalize": OPS.normalize,
    "broadcast_atoms": OPS.broadcast_atoms,
    "cast": cast,
    "scatter_force": scatter_force,
    "virial": virial,
    "atom_virial": atom_virial,
}
