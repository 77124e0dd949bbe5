"""Builder: short names to write graphs by hand.

    b = Builder()
    coord = b.input("coord", "f64[nall, 3]")
    nlist = b.input("nlist", "i32[nloc, nnei]")
    r = b.displacement(coord, nlist, name="r")
    program = b.program("water", facts, b.graph("energy", atom_energy=...))

Every registered op is a method: operands, then attributes by name. `name=` names the
result in the text, or a tuple of names for several results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dpc.ir.graph import Graph
from dpc.ir.op import Input, Value, ops
from dpc.ir.params import Param, ParamStore, Ref
from dpc.ir.program import Facts, Program
from dpc.ir.types import ArrayType, NumpyArray

R = TypeVar("R", bound=Ref)


class Builder:
    """Collects the inputs of a graph and the tensors of a program."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.tensors: dict[str, NumpyArray] = {}

    def input(self, label: str, type: ArrayType | str) -> Value:
        """Declare an input of the next graph."""
        made = Input(label, ArrayType.parse(type) if isinstance(type, str) else type)
        self.inputs.append(made)
        return made.out

    def param(self, name: str, array: NumpyArray) -> Param:
        """Declare one array of parameters."""
        return self.declare(Param(name, ArrayType.of(array)), {name: array})

    def declare(self, ref: R, tensors: Mapping[str, NumpyArray]) -> R:
        """Declare a bank or a table, with its tensors as `ref.tensors()` names them."""
        self.tensors.update({name: tensors[name] for name in ref.tensors()})
        return ref

    def graph(self, name: str, outputs: Mapping[str, Value] | None = None, **more: Value) -> Graph:
        """The graph of these outputs over all inputs so far; starts afresh."""
        made = Graph(name, tuple(self.inputs), {**(outputs or {}), **more})
        self.inputs = []
        return made

    def program(self, name: str, facts: Facts, *graphs: Graph) -> Program:
        """The program of these graphs, with the tensors they need."""
        made = Program(name, facts, {g.name: g for g in graphs}, ParamStore(self.tensors))
        return made.with_graph(graphs[0]) if graphs else made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or name not in ops:
            raise AttributeError(f"Builder has no {name!r}, and no operation is called so")
        cls = ops.get(name)

        def make(*fields: Any, name: str | tuple[str, ...] = "", **attributes: Any) -> Any:
            names = (name,) if isinstance(name, str) else name
            made = cls(*fields, **attributes, names=names if any(names) else ())
            return made.out if len(made.types) == 1 else made.results

        return make
