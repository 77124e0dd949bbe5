"""From positions to contracted features and back: kernels with one block for each centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.gpu.plan import Matrix, Plan
from dpc.errors import InputError
from dpc.ir.params import NetBank, Shortcut, Table

Pairs = tuple[tuple[int, int], ...]

KNOWN = frozenset(
    "mean std net constant rcut rcut_smth sel scale exclude pair_exclude split".split()
)
"""Attributes of env_contract that the code written here honours."""

NEIGHBOR_THREADS = 64
THREADS = 128
CONTRACT_ROWS = 64
FORCE_ROWS = 32
FORCE_LANES = 8


@dataclass(frozen=True)
class Rows:
    """Which rows of neighbours an array is over; the default is the list as given."""

    rcut: float = 0.0
    sel: tuple[int, ...] = ()
    pair_exclude: Pairs = ()


def env_contract(plan: Plan, op: Any) -> None:
    """Neighbours of every centre, then x."""
    if "rows" in plan.arrays:
        raise InputError(f"{plan.text[op]}: a GPU takes one env_contract in a program")
    for name, value in op.attributes().items():
        if name not in KNOWN and value:
            raise InputError(f"{plan.text[op]}: no code for {name}={value}")
    _constants(plan, op)
    _neighbors(plan, op)
    width = _width(op)
    columns = 4 * int(op.out.dims[-1])
    x = plan.matrix(op.out, "x", columns)
    lanes = min(THREADS, 1 << (width - 1).bit_length())
    plan.define(
        CONTRACT_THREADS=THREADS,
        CONTRACT_ROWS=_rows(plan, op, CONTRACT_ROWS),
        CONTRACT_LANES=lanes,
        CONTRACT_GROUPS=THREADS // lanes,
        CONTRACT_COLUMNS=-(-width // lanes),
    )
    store = plan.program.store
    pad = plan.tensor(op.constant.name, store[op.constant.name])
    kernel = plan.kernel("contract", "contract.h", THREADS)
    arguments = [*_common(plan, op), pad, f"ARRAY({x.array})", "MEMORY(step->counters)"]
    plan.launch(op, kernel, "step->count", arguments)


def env_contract_vjp(plan: Plan, op: Any) -> None:
    """Forces and virials."""
    dx: Matrix = plan.at(op.dx)
    plan.define(
        FORCE_THREADS=THREADS,
        FORCE_ROWS=_rows(plan, op, FORCE_ROWS),
        FORCE_LANES=FORCE_LANES if isinstance(op.net, Table) else 1,
    )
    force = plan.array("force", "i64 [nall][3]", kept=True, atom=24)
    virial = plan.array("virial_of", "f64 [centres][9]", center=72)
    plan.array("atom_virial", "i64 [nall][9]", kept=True, atom=72)
    kernel = plan.kernel("force", "force.h", THREADS)
    arguments = [
        *_common(plan, op), f"ARRAY({dx.array})", force, virial,
        "IF(step->atom_virial, ARRAY(atom_virial))", "MEMORY(step->counters)",
    ]  # fmt: skip
    plan.launch(op, kernel, "step->count", arguments)
    plan.values[op.out] = Rows(op.rcut, op.sel, op.pair_exclude)


def _common(plan: Plan, op: Any) -> list[str]:
    """Arguments of both kernels: the system, the rows, the numbers of the embedding."""
    store = plan.program.store
    inverse = 1 / store[op.std.name]
    numbers = [
        plan.tensor("environment.shift", store[op.mean.name] * inverse),
        plan.tensor("environment.inverse_std", inverse),
        plan.tensor(op.net.name, _numbers(plan, op.net)),
    ]
    return [
        "MEMORY(step->coord)", "MEMORY(step->centers)", "NUMBER(step->first)",
        "NUMBER(step->center_type)", "ARRAY(rows)", "ARRAY(slots)", *numbers,
    ]  # fmt: skip


def _neighbors(plan: Plan, op: Any) -> None:
    ntypes, nnei = len(op.sel), sum(op.sel)
    plan.define(NEIGHBOR_THREADS=NEIGHBOR_THREADS, NEIGHBOR_WORDS=NEIGHBOR_THREADS // 32)
    rows = plan.array("rows", f"i32 [centres][{nnei}]", center=4 * nnei)
    slots = plan.array("slots", f"i32 [centres][{ntypes}]", center=4 * ntypes)
    kernel = plan.kernel("neighbors", "neighbors.h", NEIGHBOR_THREADS)
    given = ("coord", "type", "centers", "starts", "counts", "entries")
    arguments = [f"MEMORY(step->{name})" for name in given]
    numbers = ("stride", "mask", "first", "center_type")
    arguments += [f"NUMBER(step->{name})" for name in numbers]
    plan.launch(op.nlist.op, kernel, "step->count", [*arguments, rows, slots, COUNTERS])


COUNTERS = "MEMORY(step->counters)"


def _constants(plan: Plan, op: Any) -> None:
    """Constants and tables of the embedding."""
    net, sel = op.net, op.sel
    ntypes = len(sel)
    plan.header("environment.h")
    plan.define(
        NTYPES=ntypes,
        NNEI=sum(sel),
        RCUT2=f"({op.rcut!r} * {op.rcut!r})",
        RCUT=f"R({op.rcut!r})",
        RCUT_SMTH=f"R({op.rcut_smth!r})",
        SCALE=f"R({op.scale!r})",
        M=_width(op),
        SPLIT=int(op.split),
        TYPE_BLOCKS=ntypes if op.split else 1,
    )
    _table(plan, net) if isinstance(net, Table) else _net(plan, net)
    pair = net.index == "type pair"
    plan.defines["WHICH_NET(center, neighbor)"] = (
        "((center) * NTYPES + (neighbor))" if pair else ("(neighbor)")
    )
    first = np.cumsum([0, *sel[:-1]])
    plan.tables += [
        f"CONSTANT int SEL[NTYPES] = {_row(sel)};",
        f"CONSTANT int FIRST[NTYPES] = {_row(first)}; /* row of each type */",
        f"CONSTANT char USE[NTYPES][NTYPES] = {{{', '.join(map(_row, _use(op)))}}};",
    ]


def _table(plan: Plan, table: Table) -> None:
    plan.define(
        NET=0,
        NET_SIZE=f"({table.rows} * 6 * {table.width})",
        TABLE_LOWER=f"R({table.lower!r})",
        TABLE_UPPER=f"R({table.upper!r})",
        TABLE_STRIDE=f"R({table.stride!r})",
        TABLE_PER_STRIDE=f"R({1 / table.stride!r})",
        TABLE_PIECES=table.rows,
    )


def _net(plan: Plan, net: NetBank) -> None:
    """Of an embedding net that has no table: its shape."""
    plan.header("activations.h")
    plan.header("net.h")
    if len({layer.activation for layer in net.layers}) > 1:
        raise InputError(f"{net}: no code for an embedding net with a linear last layer")
    at = np.cumsum([0, *net.widths])
    plan.define(
        NET=1,
        NET_LAYERS=len(net.layers),
        NET_SIZE=sum(layer.inputs * layer.outputs + 2 * layer.outputs for layer in net.layers),
        NET_SUM=int(at[-1]),
        NET_LAST=int(at[-2]),
        NET_WIDEST=max(net.widths),
        ACTIVATE_NET=f"activate_{net.layers[0].activation}",
    )
    shortcuts = [int(layer.shortcut is not Shortcut.NONE) for layer in net.layers]
    plan.tables += [
        f"CONSTANT int NET_WIDTH[] = {_row(net.widths)};",
        f"CONSTANT int NET_AT[] = {_row(at[:-1])}; /* where the values of each layer are */",
        f"CONSTANT int NET_SHORTCUT[] = {_row(shortcuts)};",
    ]


def _width(op: Any) -> int:
    return int(op.net.width if isinstance(op.net, Table) else op.net.widths[-1])


def _rows(plan: Plan, op: Any, wanted: int) -> int:
    """Neighbours that a block takes at a time: of a net as many as shared memory holds."""
    if isinstance(op.net, Table):
        return wanted
    assert plan.target.gpu is not None
    each = (2 * sum(op.net.widths) + 2 * max(op.net.widths)) * plan.real_bytes
    fits = plan.target.gpu.shared_bytes // 2 // each
    return max(1, min(wanted, 1 << max(0, fits.bit_length() - 1)))


def _numbers(plan: Plan, net: Table | NetBank) -> NDArray[Any]:
    """The tables, or the nets one after the other: for each layer W, b and idt."""
    store = plan.program.store
    if isinstance(net, Table):
        return store[net.name]
    packed = []
    for k in range(net.count):
        for number, layer in enumerate(net.layers):
            at = f"{net.name}.{k}.{number}"
            idt = store[f"{at}.idt"] if layer.timestep else np.ones(layer.outputs)
            packed += [store[f"{at}.weight"].ravel(), store[f"{at}.bias"], idt]
    return np.concatenate(packed).astype(plan.dtype.numpy)


def _row(numbers: Any) -> str:
    return "{" + ", ".join(str(int(n)) for n in numbers) + "}"


USED, ABSENT, SILENT = 0, 1, 2
"""What a pair of types means: a row; as if it were not in the list; a slot that adds nothing."""


def _use(op: Any) -> list[list[int]]:
    n = len(op.sel)
    use = [[USED] * n for _ in range(n)]
    for pairs, word in ((op.exclude, SILENT), (op.pair_exclude, ABSENT)):
        for i, j in pairs:
            for a, b in ((i, j), (j, i)):
                if 0 <= a < n and 0 <= b < n:
                    use[a][b] = word
    return use
