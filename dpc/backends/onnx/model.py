"""Program to ONNX model: inputs, outputs, what a caller must know, and the checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dpc
from dpc.backends.onnx.emission import Emission, refuse_unknown
from dpc.backends.onnx.library import helper, onnx
from dpc.errors import InputError
from dpc.ir.graph import Graph
from dpc.ir.program import Facts, Program
from dpc.ir.types import ArrayType, Dim

OPSET = 18
"""The first with Pad by axes; ONNX Runtime reads it since 1.14 (2023)."""
IR_VERSION = 8
"""Of the file format: the one that came with opset 18."""
LARGEST = 2**31 - 1
"""Bytes of a protobuf message."""
UNITS = "length angstrom, energy eV, force eV/angstrom, virial eV"

MEANING = {
    "coord": "Positions in angstrom: local atoms first, then their periodic images (ghosts).",
    "atype": "Type of each atom, its place in type_map.",
    "nlist": "Neighbours of each local atom within rcut, as indices of atoms: sel[t] slots for "
    "each type t in order, nearest first, -1 for empty slots.",
    "fparam": "Parameters of the frame.",
    "aparam": "Parameters of each local atom.",
    "atom_energy": "Energy of each local atom in eV; their sum is the energy.",
    "force": "-dE/dx in eV/angstrom, also of ghosts: add a ghost's to the atom it images.",
    "virial": "-sum (dE/dr)_a r_b over pairs in eV, DeePMD-kit's sign and order.",
    "atom_virial": "The virial by atoms, also of ghosts.",
}


def to_onnx(program: Program) -> onnx.ModelProto:
    """The energy graph of a padded program, with whatever outputs it has."""
    graph = program.energy
    _refuse(graph, program)
    e = Emission(program.store)
    for i in graph.inputs:
        e.bind(i.out, i.label)
    for name, value in graph.outputs.items():
        e.output(e(value), name)
    symbols: Mapping[Dim, Dim] = {"nnei": program.facts.nnei}
    inputs = [value_info(i.label, i.type, symbols) for i in graph.inputs]
    outputs = [value_info(name, v.type, symbols) for name, v in graph.outputs.items()]
    return finish(e, program.name, inputs, outputs, facts_of(program.facts))


def _refuse(graph: Graph, program: Program) -> None:
    refuse_unknown(graph.body())
    for i in graph.inputs:
        if i.type.ragged:
            raise InputError(
                f"program {program.name}: input {i.label} is {i.type}, but ONNX has no ragged "
                "arrays. Leave out pass exact_neighbors"
            )
    if graph.body() and not len(program.store) and program.tensors():
        raise InputError(
            f"program {program.name} comes without numbers: put its .safetensors beside it"
        )


def value_info(
    name: str, type: ArrayType, symbols: Mapping[Dim, Dim] | None = None, doc: str = ""
) -> onnx.ValueInfoProto:
    """Name, type and meaning of an input or output."""
    shape = [(symbols or {}).get(dim, dim) for dim in type.dims]
    kind = Emission.onnx_type(type.dtype)
    return helper.make_tensor_value_info(name, kind, shape, doc or MEANING.get(name, ""))


def facts_of(facts: Facts) -> dict[str, str]:
    """What a caller must know, for metadata_props; lists are separated by blanks."""
    found = {
        "type_map": " ".join(facts.type_map),
        "rcut": repr(facts.rcut),
        "sel": " ".join(map(str, facts.sel)),
        "fparam": str(facts.fparam),
        "aparam": str(facts.aparam),
        "units": UNITS,
    }
    if facts.min_nbor_dist is not None:
        found["min_nbor_dist"] = repr(facts.min_nbor_dist)
    return found


def finish(
    e: Emission,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    facts: Mapping[str, str],
) -> onnx.ModelProto:
    """The checked model of what was emitted. Same program, same bytes."""
    graph = helper.make_graph(e.nodes, name, inputs, outputs, e.initializers)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(
        graph,
        opset_imports=[opset],
        ir_version=IR_VERSION,
        producer_name="dpc",
        producer_version=dpc.__version__,
    )
    helper.set_model_props(model, dict(facts))
    size = model.ByteSize()
    if size > LARGEST:
        raise InputError(f"{name}: {size:,} bytes, but an ONNX file holds at most {LARGEST:,}")
    onnx.checker.check_model(model, full_check=True)
    return model
