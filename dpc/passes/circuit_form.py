"""Programs that the pipeline of a circuit can compute: one descriptor, one fitting net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dpc.ir.op import Op, Value
from dpc.ir.ops.basis import OuterPairs, TypeColumns
from dpc.ir.ops.contraction import Contract, Outer, outer_pairs
from dpc.ir.ops.environment import EnvMatrix, Radial
from dpc.ir.ops.geometry import Displacement
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.reduce import Bias
from dpc.ir.params import NetBank, Shortcut
from dpc.ir.program import Program
from dpc.ir.types import NumpyArray
from dpc.passes.base import PassError

T = TypeVar("T", bound=Op)

FORM = "a circuit computes se_e2_a models of one fitting net, as basis and fold leave them"


@dataclass(frozen=True)
class Form:
    """The parts of a program, by what they are to a circuit."""

    env: EnvMatrix
    contract: Contract
    embedding: NetBank
    fitting: NetBank
    split: bool
    pairs: NumpyArray  # [K, 2]
    mean: NumpyArray  # [ntypes], of s
    std: NumpyArray  # [ntypes, 2]: of s, and of the other three columns
    bias: NumpyArray  # [ntypes], eV
    ntypes: int

    def net_of(self, ti: int, tj: int) -> int:
        """Which embedding net a pair of types has."""
        return ti * self.ntypes + tj if self.embedding.index == "type pair" else tj


def find_form(program: Program) -> Form:
    """The parts, or an error with all that a circuit cannot do."""
    graph, facts = program.energy, program.facts
    if facts.fparam or facts.aparam:
        raise PassError("quantize: fparam and aparam: a circuit has no input for them")
    bias = _the(graph.outputs["atom_energy"], Bias)
    fitting = _the(bias.e, Mlp)
    made = fitting.x.op
    products = made if isinstance(made, OuterPairs) else _the(fitting.x, Outer)
    contract = _the(products.x, Contract)
    split = isinstance(contract.g.op, TypeColumns)
    columns = contract.g.op.b if isinstance(contract.g.op, TypeColumns) else contract.g
    embedding = _the(columns, Mlp)
    env = _the(contract.env, EnvMatrix)
    _the(embedding.x, Radial)
    _the(env.r, Displacement)
    if isinstance(products, OuterPairs):
        pairs = np.asarray(program.store[products.pairs.name], np.int64)
    else:
        found = outer_pairs(int(products.x.dims[2]), products.axis_neuron, products.symmetric)
        pairs = np.stack(found, axis=1)
    mean, std = program.store[env.mean.name], program.store[env.std.name]
    form = Form(
        env, contract, embedding.net, fitting.net, split, pairs, mean[:, 0], std[:, :2],
        program.store[bias.bias.name], facts.ntypes,
    )  # fmt: skip
    problems = _problems(program, form, mean, std)
    if problems:
        raise PassError("quantize: " + "\n  ".join(problems))
    return form


def _the(value: Value, kind: type[T]) -> T:
    op = value.op
    if not isinstance(op, kind):
        raise PassError(f"quantize: {value!r} is made by {op.name}, not {kind.name}: {FORM}")
    return op


def _problems(program: Program, form: Form, mean: NumpyArray, std: NumpyArray) -> list[str]:
    found = []
    if np.any(mean[:, 1:] != 0) or np.any(std[:, 1:] != std[:, 1:2]):
        found.append("x, y and z of the environment have different means or spreads")
    fitting = form.fitting
    if fitting.index != "atom type" or fitting.count != form.ntypes:
        found.append(f"{fitting} has not one net for each type of centre")
    if not fitting.has_head or fitting.widths[-1] != 1:
        found.append(f"{fitting} has no linear last layer of one output")
    if any(layer.shortcut is Shortcut.DOUBLE for layer in fitting.layers):
        found.append(f"{fitting} has a layer that doubles the width and adds its input twice")
    return found
