"""Program: the graphs of one model, what it declares, its facts and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from dpc.errors import GraphError, did_you_mean
from dpc.ir.graph import Graph
from dpc.ir.params import NetBank, Param, ParamStore, Ref, Table
from dpc.ir.types import ArrayType, NumpyArray

R = TypeVar("R", bound=Ref)


@dataclass(frozen=True)
class Facts:
    """What a caller must know of a model. Lengths in angstrom, energies in eV."""

    type_map: tuple[str, ...]
    rcut: float
    sel: tuple[int, ...]  # the most neighbours of each type
    fparam: int = 0  # numbers per frame
    aparam: int = 0  # numbers per atom
    outputs: tuple[str, ...] = ("atom_energy",)
    min_nbor_dist: float | None = None  # nearest pair of the training data

    def __post_init__(self) -> None:
        for name in ("type_map", "sel", "outputs"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "sel", tuple(map(int, self.sel)))
        object.__setattr__(self, "rcut", float(self.rcut))
        if self.min_nbor_dist is not None:
            object.__setattr__(self, "min_nbor_dist", float(self.min_nbor_dist))

    @property
    def ntypes(self) -> int:
        """Number of atom types."""
        return len(self.type_map)

    @property
    def nnei(self) -> int:
        """Neighbour slots of an atom in the padded form: the sum of sel."""
        return sum(self.sel)


@dataclass(frozen=True)
class Buffer:
    """Where one value of the main graph lives in the workspace of a tile."""

    value: str  # the value's name in the printed graph
    offset: int  # bytes
    size: int  # bytes
    first: int  # op, counted in the graph's order, that writes it
    last: int  # last op that reads it


@dataclass(frozen=True)
class MemoryPlan:
    """The workspace of one tile: made by pass `memory`."""

    size: int  # bytes
    buffers: tuple[Buffer, ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """Everything a backend needs. `banks`, `tables` and `params` are what the ops refer to."""

    name: str
    facts: Facts
    graphs: Mapping[str, Graph]
    store: ParamStore = field(default_factory=ParamStore)
    memory: MemoryPlan | None = None

    def graph(self, name: str = "energy") -> Graph:
        """A graph by name."""
        if name not in self.graphs:
            hint = did_you_mean(name, self.graphs)
            known = ", ".join(self.graphs) or "none"
            raise GraphError(f"program {self.name} has no graph {name!r}.{hint} It has {known}.")
        return self.graphs[name]

    @property
    def energy(self) -> Graph:
        """The main graph."""
        return self.graph("energy")

    @property
    def refs(self) -> dict[str, Ref]:
        """Every declaration that an op refers to, in the order of first use."""
        found: dict[str, Ref] = {}
        for graph in self.graphs.values():
            for op in graph.body():
                for attribute in op.attributes().values():
                    if isinstance(attribute, Ref):
                        found.setdefault(attribute.name, attribute)
        return found

    def _declared(self, kind: type[R]) -> dict[str, R]:
        return {name: ref for name, ref in self.refs.items() if isinstance(ref, kind)}

    @property
    def banks(self) -> dict[str, NetBank]:
        """The banks of nets in use."""
        return self._declared(NetBank)

    @property
    def tables(self) -> dict[str, Table]:
        """The tables in use."""
        return self._declared(Table)

    @property
    def params(self) -> dict[str, Param]:
        """The parameters in use."""
        return self._declared(Param)

    def tensors(self) -> dict[str, ArrayType]:
        """Name and type of every tensor the ops need."""
        return {n: t for ref in self.refs.values() for n, t in ref.tensors().items()}

    def with_graph(self, graph: Graph, tensors: Mapping[str, NumpyArray] | None = None) -> Program:
        """With one graph added or replaced, tensors added, and unused tensors dropped."""
        new = replace(self, graphs={**self.graphs, graph.name: graph})
        store = self.store.updated(tensors or {})
        return replace(new, store=store.subset(new.tensors()))
