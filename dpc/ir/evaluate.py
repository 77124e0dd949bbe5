"""The reference evaluator: what a program means, in NumPy. Clear, exact, not fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dpc.errors import GraphError, InputError, all_problems, did_you_mean
from dpc.ir.graph import Graph, reachable
from dpc.ir.op import Input, Op, Value
from dpc.ir.params import Net, NetBank, Param, ParamStore, Table
from dpc.ir.program import Program
from dpc.ir.ragged import Array
from dpc.ir.types import ArrayType, NumpyArray, Ragged, is_ragged


def evaluate(program: Program, graph: str | Graph, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a graph for these inputs, by name.

    Arrays with a ragged dim (`nnei~`) are given and returned as `Ragged`.
    """
    chosen = program.graph(graph) if isinstance(graph, str) else graph
    checked = check_inputs(chosen, inputs)
    known = {i.out: checked[i.label] for i in chosen.inputs}
    values = Evaluation(program.store).run(list(chosen.outputs.values()), known)
    return dict(zip(chosen.outputs, values, strict=True))


class Evaluation:
    """One evaluation: gives ops the numbers of what they refer to."""

    def __init__(self, store: ParamStore) -> None:
        self.store = store

    def param(self, param: Param) -> NumpyArray:
        """The numbers of a parameter."""
        return self.store[param.name]

    def table(self, table: Table) -> NumpyArray:
        """The coefficients of a table, [count, rows, 6, width]."""
        return self.store[table.name]

    def nets(self, bank: NetBank) -> list[Net]:
        """The nets of a bank."""
        return [bank.net(self.store, k) for k in range(bank.count)]

    def run(self, wanted: Sequence[Value], known: Mapping[Value, Any]) -> list[Any]:
        """The wanted values, given some; what is no longer needed is freed."""
        found: dict[Value, Any] = dict(known)
        order = reachable(wanted, known)
        last = {value: op for op in order for value in op.operands}
        for op in order:
            got = self._call(op, [found[value] for value in op.operands])
            found.update(zip(op.results, got, strict=True))
            for value in set(op.operands):
                if last[value] is op and value not in wanted and value not in known:
                    del found[value]
        return [found[value] for value in wanted]

    def _call(self, op: Op, operands: list[Any]) -> tuple[Any, ...]:
        if isinstance(op, Input):
            raise InputError(f"input {op.label!r} is missing: {op.type}")
        got = op.eval(self, *operands)
        results = got if isinstance(got, tuple) else (got,)
        for result, type in zip(results, op.types, strict=True):
            rank = result.values.ndim + 1 if isinstance(result, Ragged) else result.ndim
            if result.dtype != type.dtype.numpy or rank != type.rank:
                raise GraphError(
                    f"{op.name} says {type}, but evaluates to {result.dtype} of rank {rank}"
                )
        return results


def check_inputs(graph: Graph, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Inputs as arrays of the declared types; every symbol must mean one number."""
    problems: list[str] = []
    labels = [i.label for i in graph.inputs]
    for name in inputs:
        if name not in labels:
            hint = did_you_mean(name, labels)
            problems.append(f"no input {name!r}.{hint} It takes {', '.join(labels)}")
    checked: dict[str, Array] = {}
    symbols: dict[str, tuple[int, str]] = {}
    for i in graph.inputs:
        if i.label not in inputs:
            problems.append(f"input {i.label!r} is missing: {i.type}")
            continue
        try:
            array = _as_array(inputs[i.label], i.type)
        except InputError as error:
            problems.append(f"{i.label}: {error}")
            continue
        checked[i.label] = array
        problems += _bind(i, array, symbols)
    if problems:
        raise InputError(all_problems(f"graph {graph.name}", problems))
    return checked


def _as_array(given: Any, type: ArrayType) -> Array:
    if type.ragged != isinstance(given, Ragged):
        kind = "a Ragged array" if type.ragged else "a plain array"
        raise InputError(f"expected {kind} for {type}")
    if isinstance(given, Ragged):
        return Ragged(_cast(given.values, type), given.offsets)
    return _cast(np.asarray(given), type)


def _cast(array: NumpyArray, type: ArrayType) -> NumpyArray:
    wanted = type.dtype.numpy
    if array.dtype == wanted:
        return array
    if not np.can_cast(array.dtype, wanted, casting="same_kind") and array.size:
        raise InputError(f"expected {type.dtype}, not {array.dtype}")
    return array.astype(wanted)


def _bind(i: Input, array: Array, symbols: dict[str, tuple[int, str]]) -> list[str]:
    """Problems of the dims of one input; remembers what each symbol stands for."""
    if isinstance(array, Ragged):
        dims = tuple(d for d in i.type.dims if not is_ragged(d))
        shape: tuple[int, ...] = (len(array), *array.values.shape[1:])
    else:
        dims, shape = i.type.dims, array.shape
    if len(dims) != len(shape):
        return [f"{i.label}: expected {i.type}, not an array of shape {list(shape)}"]
    problems = []
    for dim, size in zip(dims, shape, strict=True):
        known, source = (size, i.label) if isinstance(dim, str) else (dim, "")
        if isinstance(dim, str):
            known, source = symbols.setdefault(dim, (size, i.label))
        if known != size:
            why = f"{dim} is {known}" + (f" in {source}" if source else "")
            problems.append(f"{i.label}: shape {list(shape)} does not fit {i.type}: {why}")
    return problems
