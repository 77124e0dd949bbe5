"""The rewrite of pass `basis`: a net of M columns to a net of r columns and an expansion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from dpc.ir.activations import ACTIVATIONS
from dpc.ir.graph import Graph
from dpc.ir.op import Op, Value
from dpc.ir.ops.basis import Expand, TypeColumns
from dpc.ir.ops.contraction import Contract
from dpc.ir.ops.environment import EnvMatrix, Radial
from dpc.ir.ops.net import Mlp
from dpc.ir.ops.types import TypePair
from dpc.ir.params import NetBank, Param
from dpc.ir.program import Program
from dpc.ir.types import ArrayType, DType, NumpyArray
from dpc.passes.rebuild import rebuild
from dpc.passes.spectrum import Spectrum


class Site(NamedTuple):
    """A contraction whose net can be given fewer columns."""

    contract: Contract
    net: Mlp
    r: Value  # displacements
    ti: Value  # types of the centres
    tj: Value  # types of the neighbours

    @property
    def bank(self) -> NetBank:
        """The nets."""
        return self.net.net


def find_site(graph: Graph, contract: Contract) -> tuple[Site | None, str]:
    """The site of a contraction, or why its net must keep its columns."""
    net = contract.g.op
    if not (isinstance(net, Mlp) and net.scalar):
        return None, "no net of one scalar"
    why = _why_not(graph, net)
    if why:
        return None, why
    if not (isinstance(net.x.op, Radial) and isinstance(net.x.op.env.op, EnvMatrix)):
        return None, "its input does not come from env_matrix"
    env, pair = net.x.op.env.op, net.index.op
    tj = pair.tj if isinstance(pair, TypePair) else net.index
    return Site(contract, net, env.r, env.ti, tj), ""


def _why_not(graph: Graph, net: Mlp) -> str:
    bank = net.net
    if bank.dtype is not DType.F64:
        return f"the net is {bank.dtype}: put widen before basis"
    if not ACTIVATIONS[bank.activation].smooth:
        return f"{bank.activation} has kinks: there will be no table to make smaller"
    if bank.has_head:
        return "its last layer is linear: its columns are a basis already"
    if bank.index == "type pair" and not isinstance(net.index.op, TypePair):
        return "its index does not come from type_pair"
    if len([op for op in graph.find(Mlp) if op.net == bank]) > 1:
        return "the nets are used more than once"
    if len(graph.users()[net.out]) > 1 or net.out in graph.outputs.values():
        return "their columns are read more than once"
    return ""


def with_basis(program: Program, site: Site, found: Spectrum, rank: int) -> Program:
    """X = expand(contract(env, type_columns(B))), B the `rank` most important directions."""
    bank, ntypes = site.bank, program.facts.ntypes
    new = replace(bank, widths=(*bank.widths, rank), has_head=True)
    tensors: dict[str, NumpyArray] = {}
    for k in range(bank.count):
        last = f"{bank.name}.{k}.{len(bank.layers)}"
        tensors[f"{last}.weight"] = np.ascontiguousarray(found.project[k, :, :rank])
        tensors[f"{last}.bias"] = np.zeros(rank)
    name = f"{bank.name}_columns"
    rows = found.expand[:, :rank]  # [count, r, M]
    matrices = ntypes if bank.index == "type pair" else 1
    tensors[name] = np.ascontiguousarray(rows.reshape(matrices, ntypes * rank, -1))
    columns = Param(name, ArrayType.of(tensors[name]))

    def attributes(op: Op) -> dict[str, Any]:
        return {"net": new} if op is site.net else {}

    def change(op: Op, old: Op) -> tuple[Value, ...] | None:
        if old is not site.contract or not isinstance(op, Contract):
            return None
        split = op.g if ntypes == 1 else TypeColumns(op.g, site.tj, ntypes).out
        name = op.names[0] if op.names else "x"
        p = replace(op, g=split, names=(f"{name}_basis",)).out
        return Expand(p, site.ti, columns, names=op.names).results

    return program.with_graph(
        rebuild(program.energy, attributes=attributes, change=change), tensors
    )
