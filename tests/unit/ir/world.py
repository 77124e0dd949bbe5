"""A few atoms, and one example of every op on them. A new op needs an example here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dpc.ir.fixed.store import SHAPE, tensors
from dpc.ir.graph import Graph
from dpc.ir.op import Input, Op, Value, ops
from dpc.ir.params import NetBank, Param, ParamStore, Table
from dpc.ir.program import Facts, Program
from dpc.ir.types import ArrayType, DType, Ragged
from tests.fixed_models import contents as circuit

SEL = (3, 2)
RCUT = 4.0
NLOC, NALL = 3, 7
ATYPE = np.array([0, 1, 0, 0, 1, 1, 0], dtype=np.int32)
# by type and distance, as the padded form wants it; the last atom has no neighbours
ROWS = ([2, 3, 6, 1, 4], [0, 2, 5], [])
PADDED = np.array([[2, 3, 6, 1, 4], [0, 2, -1, 5, -1], [-1, -1, -1, -1, -1]], dtype=np.int32)
COORD = np.array(
    [
        [0.0, 0.1, 0.0],
        [1.1, 0.2, -0.4],
        [0.5, 1.3, 0.3],
        [-0.6, 0.7, 1.9],
        [1.6, -1.7, 0.3],
        [2.2, 1.8, -0.5],
        [-1.2, -1.6, 2.1],
    ]
)


@dataclass
class World:
    """Inputs, parameters and nets for one example; `ragged` chooses the form of the list."""

    ragged: bool
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))
    inputs: dict[str, Any] = field(default_factory=dict)
    made: list[Input] = field(default_factory=list)
    tensors: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def nnei(self) -> str:
        return "nnei~" if self.ragged else "nnei"

    def _input(self, label: str, type: str, array: Any) -> Value:
        for i in self.made:
            if i.label == label:
                return i.out
        self.made.append(Input(label, ArrayType.parse(type)))
        self.inputs[label] = array
        return self.made[-1].out

    @property
    def coord(self) -> Value:
        return self._input("coord", "f64[nall, 3]", COORD)

    @property
    def atype(self) -> Value:
        return self._input("atype", "i32[nall]", ATYPE)

    @property
    def ti(self) -> Value:
        return self._input("ti", "i32[nloc]", ATYPE[:NLOC])

    @property
    def nlist(self) -> Value:
        array = Ragged.from_rows(ROWS, np.int32) if self.ragged else PADDED
        return self._input("nlist", f"i32[nloc, {self.nnei}]", array)

    @property
    def tj(self) -> Value:
        if self.ragged:
            array: Any = Ragged.from_rows([ATYPE[row] for row in ROWS], np.int32)
        else:
            array = np.repeat([[0, 0, 0, 1, 1]], NLOC, axis=0)
        return self._input("tj", f"i32[nloc, {self.nnei}]", array)

    @property
    def r(self) -> Value:
        rows = [COORD[row] - COORD[i] for i, row in enumerate(ROWS)]
        array: Any = Ragged.from_rows([row.reshape(-1, 3) for row in rows])
        if not self.ragged:
            array = COORD[PADDED] - COORD[:NLOC, None]
            array[PADDED < 0] = 0
        return self._input("r", f"f64[nloc, {self.nnei}, 3]", array)

    def rows(self, label: str, *dims: int, dtype: str = "f64") -> Value:
        """Random numbers for each neighbour."""
        kind = f"{dtype}[{', '.join(map(str, ('nloc', self.nnei, *dims)))}]"
        shape = (sum(map(len, ROWS)), *dims) if self.ragged else (*PADDED.shape, *dims)
        array: Any = self.rng.normal(size=shape).astype(DType(dtype).numpy)
        if self.ragged:
            array = Ragged(array, np.cumsum([0, *map(len, ROWS)]))
        return self._input(label, kind, array)

    def atoms(self, label: str, *dims: int, symbol: str = "nloc") -> Value:
        """Random numbers for each atom."""
        count = {"nloc": NLOC, "nall": NALL}[symbol]
        kind = f"f64[{', '.join(map(str, (symbol, *dims)))}]"
        return self._input(label, kind, self.rng.normal(size=(count, *dims)))

    def numbers(self, label: str, *dims: int) -> Value:
        """Random numbers."""
        kind = f"f64[{', '.join(map(str, dims))}]"
        return self._input(label, kind, self.rng.normal(size=dims))

    def param(self, name: str, *dims: int, low: float = -1.0, high: float = 1.0) -> Param:
        self.tensors[name] = self.rng.uniform(low, high, size=dims)
        return Param(name, ArrayType(DType.F64, dims))

    @property
    def pairs(self) -> Param:
        """Pairs of five columns; a column with itself, one pair in both orders."""
        self.tensors["pairs"] = np.array([[0, 0], [1, 3], [4, 2], [2, 4]], dtype=np.int32)
        return Param("pairs", ArrayType(DType.I32, (4, 2)))

    @property
    def norm(self) -> dict[str, Param]:
        return {"mean": self.param("mean", 2, 4), "std": self.param("std", 2, 4, low=0.5)}

    def net(self, index: str, *widths: int, count: int = 2, head: bool = False) -> NetBank:
        bank = NetBank("net", index, widths, "tanh", True, True, DType.F64, count, head)
        for name, type in bank.tensors().items():
            self.tensors[name] = self.rng.normal(size=type.dims)
        return bank

    def table(self, index: str, width: int, count: int = 2) -> Table:
        bank = Table("tab", index, count, width, lower=-1.0, upper=0.5, stride=0.25, rows=7)
        self.tensors["tab"] = self.rng.normal(size=(count, 7, 6, width))
        return bank

    def env_contract(self, index: str = "type pair") -> dict[str, Any]:
        count = 4 if index == "type pair" else 2
        return {
            **self.norm,
            "net": self.net(index, 1, 3, 6, count=count),
            "constant": self.param("pad", 2, 2, 4, 6),
            "rcut": RCUT,
            "rcut_smth": 0.5,
            "sel": SEL,
            "scale": 0.2,
            "exclude": ((0, 1),),
            "pair_exclude": ((1, 1),),
        }

    def program(self, outputs: dict[str, Value]) -> Program:
        graph = Graph("energy", tuple(self.made), outputs)
        facts = Facts(("O", "H"), RCUT, SEL, outputs=tuple(outputs))
        return Program("world", facts, {"energy": graph}, ParamStore(self.tensors))


Example = Callable[[World], Op]
BOTH, PADDED_ONLY, RAGGED_ONLY = (False, True), (False,), (True,)
CUT = {"rcut": RCUT, "rcut_smth": 0.5}

EXAMPLES: dict[str, list[tuple[tuple[bool, ...], Example]]] = {}


def example(
    name: str, make: Callable[[World, type[Op]], Op], forms: tuple[bool, ...] = BOTH
) -> None:
    EXAMPLES.setdefault(name, []).append((forms, lambda w: make(w, ops.get(name))))


example("add", lambda w, op: op(w.rows("a", 2), w.rows("b", 2)))
example("multiply", lambda w, op: op(w.rows("a", 2), w.rows("b", 2)))
example("scale", lambda w, op: op(w.rows("a", 2), factor=-0.3))
example("cast", lambda w, op: op(w.rows("a", 2), dtype=DType.F64))
example("concat", lambda w, op: op((w.atoms("a", 2), w.atoms("b", 3), w.atoms("c", 1))))
example("concat", lambda w, op: op((w.rows("a", 2), w.rows("b", 3))))
example("slice", lambda w, op: op(w.rows("a", 5), start=1, width=3))
example("slice_vjp", lambda w, op: op(w.rows("a", 2), start=1, width=4))
example("constant", lambda w, op: op(value=w.param("c", 2, 3)), PADDED_ONLY)
example("ones_like", lambda w, op: op(w.rows("a", 2)))
example(
    "normalize",
    lambda w, op: op(w.atoms("x", 3), avg=w.param("avg", 3), inv_std=w.param("inv", 3)),
)
example("normalize_vjp", lambda w, op: op(w.numbers("x", 3), inv_std=w.param("inv", 3)))
example("broadcast_atoms", lambda w, op: op(w.numbers("x", 2), w.rows("like", 5)))
example("sum_atoms", lambda w, op: op(w.atoms("a", 2)))
example("sum_atoms", lambda w, op: op(w.atoms("a")))
example("sum_atoms_vjp", lambda w, op: op(w.numbers("d", 2), w.atoms("like", 2)))

example("center_type", lambda w, op: op(w.atype, w.nlist))
example("neighbor_type", lambda w, op: op(w.atype, w.nlist, sel=SEL))
example("type_pair", lambda w, op: op(w.ti, w.tj, ntypes=2))
example("exclude_mask", lambda w, op: op(w.ti, w.tj, w.nlist, pairs=((1, 0),)))
example("exclude_pairs", lambda w, op: op(w.nlist, w.atype, pairs=((1, 0),)))
example("type_mask", lambda w, op: op(w.atoms("a"), w.ti, exclude=(1,)))
example("type_mask", lambda w, op: op(w.rows("a", 2), w.ti, exclude=(1,)))
example(
    "nearest_neighbors",
    lambda w, op: op(w.coord, w.atype, w.nlist, rcut=2.0, sel=(2, 1)),
    RAGGED_ONLY,
)

example("displacement", lambda w, op: op(w.coord, w.nlist))
example("scatter_force", lambda w, op: op(w.rows("dr", 3), w.nlist, w.coord))
example("virial", lambda w, op: op(w.rows("dr", 3), w.r))
example("atom_virial", lambda w, op: op(w.rows("dr", 3), w.r, w.nlist, w.coord))

example("env_matrix", lambda w, op: op(w.r, w.ti, w.nlist, **w.norm, **CUT))
example(
    "env_matrix_vjp",
    lambda w, op: op(w.rows("d", 4), w.r, w.ti, w.nlist, std=w.norm["std"], **CUT),
)
example("radial", lambda w, op: op(w.rows("env", 4)))
example("radial_vjp", lambda w, op: op(w.rows("d")))
example("scale_rows", lambda w, op: op(w.rows("env", 4), w.rows("mask")))

example(
    "mlp", lambda w, op: op(w.rows("x"), w.tj, net=w.net("neighbor type", 1, 3, 6, 6), scalar=True)
)
example(
    "mlp", lambda w, op: op(w.atoms("x", 4), w.ti, net=w.net("atom type", 4, 5, 5, 1, head=True))
)
example(
    "mlp_vjp",
    lambda w, op: op(
        w.rows("d", 6), w.rows("x"), w.tj, net=w.net("neighbor type", 1, 3, 6), scalar=True
    ),
)
example("table", lambda w, op: op(w.rows("x"), w.tj, table=w.table("neighbor type", 3)))
example(
    "table_vjp",
    lambda w, op: op(w.rows("d", 3), w.rows("x"), w.tj, table=w.table("neighbor type", 3)),
)

example("contract", lambda w, op: op(w.rows("env", 4), w.rows("g", 5), scale=0.7))
example("contract_vjp_env", lambda w, op: op(w.atoms("d", 4, 5), w.rows("g", 5), scale=0.7))
example("contract_vjp_g", lambda w, op: op(w.rows("env", 4), w.atoms("d", 4, 5), scale=0.7))
example("outer", lambda w, op: op(w.atoms("x", 4, 5), axis_neuron=3))
example("outer", lambda w, op: op(w.atoms("x", 4, 5), axis_neuron=3, symmetric=True))
example(
    "outer_vjp",
    lambda w, op: op(w.atoms("d", 12), w.atoms("x", 4, 5), axis_neuron=3, symmetric=True),
)
example(
    "padding",
    lambda w, op: op(w.nlist, w.atype, constant=w.param("pad", 2, 2, 4, 5), sel=SEL),
    RAGGED_ONLY,
)
example(
    "padding",
    lambda w, op: op(w.nlist, w.atype, constant=w.param("pad", 2, 2, 4, 5), sel=SEL, split=True),
    RAGGED_ONLY,
)

example("type_columns", lambda w, op: op(w.rows("b", 3), w.tj, ntypes=2))
example("type_columns_vjp", lambda w, op: op(w.rows("d", 6), w.tj, ntypes=2))
for count in (1, 2):
    columns = ("columns", count, 3, 5)
    example("expand", lambda w, op, c=columns: op(w.atoms("p", 4, 3), w.ti, columns=w.param(*c)))
    example(
        "expand_vjp", lambda w, op, c=columns: op(w.atoms("d", 4, 5), w.ti, columns=w.param(*c))
    )
example("outer_pairs", lambda w, op: op(w.atoms("x", 4, 5), pairs=w.pairs))
example("outer_pairs_vjp", lambda w, op: op(w.atoms("d", 4), w.atoms("x", 4, 5), pairs=w.pairs))

example("bias", lambda w, op: op(w.atoms("e", 1), w.ti, bias=w.param("bias", 2)))
example("bias_vjp", lambda w, op: op(w.atoms("d")))

example(
    "env_contract", lambda w, op: op(w.coord, w.atype, w.nlist, **w.env_contract()), RAGGED_ONLY
)
example(
    "env_contract",
    lambda w, op: op(w.coord, w.atype, w.nlist, **w.env_contract(), split=True),
    RAGGED_ONLY,
)
example(
    "env_contract_vjp",
    lambda w, op: op(
        w.atoms("dx", 4, 12), w.coord, w.atype, w.nlist, **w.env_contract(), split=True
    ),
    RAGGED_ONLY,
)
example(
    "env_contract_vjp",
    lambda w, op: op(
        w.atoms("dx", 4, 6), w.coord, w.atype, w.nlist, **w.env_contract("neighbor type")
    ),
    RAGGED_ONLY,
)
example(
    "mlp_gradient",
    lambda w, op: op(w.atoms("d", 4), w.ti, net=w.net("atom type", 4, 5, 5, 1, head=True)),
)


def _fixed_point(w: World, op: type[Op]) -> Op:
    """The numbers of a small circuit."""
    contents = circuit("two_side")
    fields = {}
    for name, array in tensors(contents).items():
        w.tensors[name] = array
        fields[name] = Param(name, ArrayType.of(array))
    fields |= {name: getattr(contents.shape, name) for name in SHAPE}
    return op(w.coord, w.atype, w.nlist, **fields, u_cut=contents.u_cut, u_min=contents.u_min)


example("fixed_point", _fixed_point)


def all_examples() -> list[tuple[str, int, bool]]:
    """(op, number of the example, ragged) of every registered op; number -1: has none."""
    found = []
    for name in ops.names():
        forms = [(i, form) for i, (f, _) in enumerate(EXAMPLES.get(name, [])) for form in f]
        found += [(name, i, ragged) for i, ragged in forms or [(-1, False)]]
    return found


def make(name: str, number: int, ragged: bool) -> tuple[World, Op]:
    """One example in its world."""
    assert number >= 0, f"op {name} has no example in tests/unit/ir/world.py: write one"
    world = World(ragged)
    return world, EXAMPLES[name][number][1](world)
