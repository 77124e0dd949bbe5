"""Work of every op of a program, energy, forces and virial together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from dpc.cost.rules import Scene, cycles, flops_by_format
from dpc.cost.work import Sizes, Work, total
from dpc.ir.graph import reachable
from dpc.ir.op import Input, Op
from dpc.ir.ops.fused import EnvContract, EnvContractVjp, MlpGradient
from dpc.ir.params import NetBank, Param, Ref, Table
from dpc.ir.program import Program
from dpc.passes.differentiate import differentiate, is_differentiated
from dpc.passes.reach import NEAREST, Radius

RESULTS = ("atom_energy", "force", "virial")
"""What an engine asks for in every step."""

GATHERED = frozenset(("displacement", "nearest_neighbors", "env_contract"))
"""Ops that read coordinates once for each neighbour."""

HOT = 0.9
"""The part of all look-ups whose rows of a table count as its working set."""


@dataclass(frozen=True)
class OpWork:
    """One op with its work.

    `homes`: bytes of what it reads again and again, by source. `cycles`: what it takes at
    least, whatever its arithmetic.
    """

    op: Op
    work: Work
    homes: Mapping[str, float]
    cycles: float = 0.0


def program_work(program: Program, sizes: Sizes) -> list[OpWork]:
    """Of every op that energies, forces and the virial need."""
    if not is_differentiated(program):
        program = differentiate(program)
    graph = program.energy
    wanted = reachable([graph.outputs[name] for name in RESULTS if name in graph.outputs])
    ops = [op for op in wanted if not isinstance(op, Input)]
    scene = Scene.of(ops, sizes)
    return [_op_work(op, scene, program) for op in ops]


def whole(works: list[OpWork]) -> Work:
    """Of all ops."""
    return total(one.work for one in works)


def stored_bytes(program: Program) -> dict[str, int]:
    """Bytes of the program's numbers: of tables, and of everything else."""
    found = {"tables": 0, "weights": 0}
    for ref in program.refs.values():
        kind = "tables" if isinstance(ref, Table) else "weights"
        found[kind] += _size(ref)
    return found


def _size(ref: Ref) -> int:
    return sum(
        prod(int(dim) for dim in kind.dims) * kind.dtype.bytes for kind in ref.tensors().values()
    )


def _op_work(op: Op, scene: Scene, program: Program) -> OpWork:
    sizes = scene.sizes
    refs = [value for value in op.attributes().values() if isinstance(value, Ref)]
    arrays = sum(sizes.bytes(value.type) for value in op.operands)
    arrays += sum(sizes.bytes(kind) for kind in op.types)
    arrays += _gathers(op, sizes)
    tables = [ref for ref in refs if isinstance(ref, Table)]
    weights = [ref for ref in refs if isinstance(ref, NetBank | Param)]
    work = Work(
        flops_by_format(op, scene),
        {
            "arrays": arrays,
            "tables": sum(_look_ups(op, sizes) * _row_bytes(table) for table in tables),
            "weights": sum(_read(op, ref, sizes) for ref in weights),
        },
    )
    homes = {
        "arrays": arrays * sizes.tile,
        "tables": sum(_hot_bytes(op, table, program) for table in tables),
        "weights": sum(_of_one_type(ref) for ref in weights),
    }
    return OpWork(op, work, homes, cycles(op, scene))


def _gathers(op: Op, sizes: Sizes) -> float:
    """Bytes of one atom that its neighbours' coordinates, forces or rows add."""
    rows = sizes.rows
    if op.name in GATHERED and not isinstance(op, EnvContract):
        nlist = next(v for n, v in op.named_operands() if n == "nlist")
        return 24.0 * sizes.elements(nlist.type)
    if op.name == "scatter_force":  # read and written
        nlist = next(v for n, v in op.named_operands() if n == "nlist")
        return 48.0 * sizes.elements(nlist.type)
    if isinstance(op, EnvContract | EnvContractVjp):
        # rows: displacement 3, environment 4, slopes 3, place in the table; and, on the way
        # back, their adjoint, added up and read
        numbers = 11 if isinstance(op, EnvContract) else 11 + 8
        gathered = 28 if isinstance(op, EnvContract) else 0
        return rows * (numbers * op.net.dtype.bytes + 8 + gathered)
    return 0.0


def _look_ups(op: Op, sizes: Sizes) -> float:
    """Rows of a table that one atom reads."""
    if isinstance(op, EnvContract | EnvContractVjp):
        return sizes.rows
    index = next(v for n, v in op.named_operands() if n == "index")
    return sizes.elements(index.type)


def _row_bytes(table: Table) -> float:
    return (table.order + 1) * table.width * float(table.dtype.bytes)


def _of_one_type(ref: Ref) -> float:
    """Bytes that a tile needs: its atoms have one type."""
    if isinstance(ref, NetBank) and ref.index == "atom type":
        return _size(ref) / ref.count
    return float(_size(ref))


def _tables_of_a_type(table: Table, program: Program) -> float:
    """Tables for the neighbours of atoms of one type."""
    return table.count / (program.facts.ntypes if table.index == "type pair" else 1)


def _read(op: Op, ref: Ref, sizes: Sizes) -> float:
    """Bytes of weights for one atom: the atoms of a tile share one reading of one net."""
    bytes_ = float(_size(ref))
    if isinstance(ref, NetBank):
        bytes_ *= 1 if ref.index != "atom type" else 1 / ref.count
        bytes_ *= 2 if isinstance(op, MlpGradient) else 1
    return bytes_ / sizes.tile


def _hot_bytes(op: Op, table: Table, program: Program) -> float:
    """Bytes of the rows that most neighbours need, spread evenly through the cutoff sphere."""
    radius = _radius(op, program)
    if radius is None:
        return float(_size(table))
    nearest = program.facts.min_nbor_dist or NEAREST
    fractions = (np.arange(512) + 0.5) / 512  # of the neighbours, by distance
    distances = (nearest**3 + fractions * (radius.rcut**3 - nearest**3)) ** (1 / 3)
    hot = 0
    for x in np.array([radius.x(float(r)) for r in distances]).T:
        row, _ = table.locate(x)
        counts = np.sort(np.bincount(row))[::-1]
        hot += int(np.searchsorted(np.cumsum(counts), HOT * len(x)) + 1)
    return hot / len(radius.mean) * _row_bytes(table) * _tables_of_a_type(table, program)


def _radius(op: Op, program: Program) -> Radius | None:
    """How the input of a fused op's table follows from the distance."""
    if not isinstance(op, EnvContract | EnvContractVjp) or op.mean.name not in program.store:
        return None
    mean, std = program.store[op.mean.name], program.store[op.std.name]
    return Radius(mean[:, 0], std[:, 0], op.rcut, op.rcut_smth)
