"""From positions to contracted features and back: the loops over centres and neighbours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dpc.backends.host.parts import Lanes
from dpc.backends.host.plan import Plan
from dpc.backends.tvm.kernels.layer import Layer as KernelLayer
from dpc.backends.tvm.kernels.mlp import MlpSpec
from dpc.backends.tvm.kernels.table import TableSpec
from dpc.errors import InputError
from dpc.ir.params import Layer, NetBank, Shortcut, Table

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class RowSet:
    """Which rows of neighbours an array is over; the default is the list as given."""

    rcut: float = 0.0
    sel: tuple[int, ...] = ()
    pair_exclude: Pairs = ()


def c_name(name: str) -> str:
    """A name of the program as a C identifier."""
    return re.sub(r"\W", "_", name)


def address(name: str) -> str:
    """The C name of a tensor's place in params.safetensors."""
    return "AT_" + c_name(name).upper()


def kernel_layer(layer: Layer) -> KernelLayer:
    """A layer of the program as the kernels name it."""
    resnet: dict[Shortcut, Literal["none", "same", "double"]] = {
        Shortcut.NONE: "none",
        Shortcut.SAME: "same",
        Shortcut.DOUBLE: "double",
    }
    return KernelLayer(
        layer.inputs, layer.outputs, layer.activation, resnet[layer.shortcut], layer.timestep
    )


def store_bank(plan: Plan, bank: NetBank, spec: Any) -> str:
    """Store the packed nets of a bank one after another; the C expression of the first."""
    from dpc.package.packed import find_pieces

    name = f"{bank.name}.packed"
    if name not in plan.tensors:
        tensors = {tensor: plan.program.store[tensor] for tensor in bank.tensors()}

        def pack(numbers: Any) -> Any:
            nets = []
            for k in range(bank.count):
                start = f"{bank.name}.{k}."
                own = {t[len(start) :]: a for t, a in numbers.items() if t.startswith(start)}
                nets.append(spec.pack(own))
            return np.stack(nets)

        if bank.bf16:  # a blob that nobody can undo
            for tensor, array in tensors.items():
                plan.tensor(tensor, array, address(tensor))
        else:
            plan.pieces[name] = find_pieces(pack, tensors)
        plan.tensor(name, pack(tensors), address(bank.name))
    return f"reals(tile, {address(bank.name)})"


def _store_table(plan: Plan, table: Table, spec: TableSpec) -> str:
    plan.widths[table.name] = table.width
    packed = spec.pack(plan.program.store[table.name], plan.target)
    return plan.tensor(table.name, packed, address(table.name))


KNOWN = frozenset(
    "mean std net constant rcut rcut_smth sel scale exclude pair_exclude split".split()
)
"""Attributes of env_contract that the code written here honours."""


class _Embedding:
    """What env_contract and its adjoint share: sizes, numbers and calls of one embedding."""

    def __init__(self, plan: Plan, op: Any) -> None:
        for name, value in op.attributes().items():
            if name not in KNOWN and value:
                raise InputError(f"{plan.text[op]}: no code for {name}={value}")
        self.plan, self.op, self.net = plan, op, op.net
        self.tabulated = isinstance(op.net, Table)
        self.width = op.net.width if self.tabulated else op.net.widths[-1]
        lanes = plan.target.lanes(plan.real)
        self.padded = -(-self.width // lanes) * lanes
        self.blocks = len(op.sel) if op.split else 1
        self.rows = RowSet(op.rcut, op.sel, op.pair_exclude)
        store = plan.program.store
        self.mean = plan.tensor(op.mean.name, store[op.mean.name], address(op.mean.name))
        self.std = plan.tensor(op.std.name, store[op.std.name], address(op.std.name))
        self.pair = "tile->center_type * NTYPES + t" if op.net.index == "type pair" else "t"
        plan.constant("NTYPES", len(op.sel))
        plan.constant("M", self.width, "features of the embedding")
        plan.constant("MP", self.padded, "the same, padded to whole vectors")
        plan.constant("BLOCKS", self.blocks, "of features: one for each neighbour type, or one")
        plan.buffer("xa", 4 * self.blocks * self.padded, "[BLOCKS][4][MP], one atom")
        self.own_block = "b.xa + 4 * MP * t" if op.split else "b.xa"
        if self.tabulated:
            spec: Any = TableSpec(self.width, plan.real)
            size = op.net.rows * 6 * self.padded
            numbers = _store_table(plan, op.net, spec)
            self.forward, self.backward = plan.kernel(spec)
        else:
            layers = tuple(kernel_layer(layer) for layer in op.net.layers)
            spec = MlpSpec(c_name(op.net.name), layers, plan.real)
            size = spec.pack_bytes() // plan.dtype.bytes
            numbers = store_bank(plan, op.net, spec)
            self.forward, self.backward = plan.kernel(spec)
            plan.scratch(spec)
            plan.buffer("s", plan.tile, "[TILE] neighbours")
            plan.buffer("g", -(-self.width // 8) * 8 * plan.tile, "[M][TILE] neighbours")
            plan.header("net.h")
        self.numbers = f"{numbers} + (size_t)({self.pair}) * {size}"
        self.scratch = {"xa"} if self.tabulated else {"xa", "work", "s", "g"}

    def per_type(self, body: list[str]) -> list[str]:
        """A loop over the neighbour types of centre a."""
        return [
            "for (int32_t t = 0; t < NTYPES; t++) {",
            "  const int32_t k = start[a][t], m = start[a][t + 1] - k;",
            "  if (m == 0) continue;",
            f"  const dpc_real *net = {self.numbers};",
            f"  dpc_real *x = {self.own_block};",
            *("  " + line for line in body),
            "}",
        ]

    def per_block(self, body: list[str]) -> list[str]:
        """A loop over blocks of TILE neighbours of one type."""
        return [
            "for (int32_t p = k; p < k + m; p += TILE) {",
            "  const int32_t q = k + m - p < TILE ? k + m - p : TILE;",
            *("  " + line for line in body),
            "}",
        ]

    def sum_neighbors(self) -> list[str]:
        """xa += env^T G over the rows of centre a."""
        if self.tabulated:
            call = f"{self.forward}(net, r.piece + k, r.t + k, r.env + 4 * k, m, x);"
            return self.per_type([call])
        return self.per_type(
            self.per_block(
                [
                    "dpc_net_input(r.env + 4 * p, q, TILE, b.s);",
                    f"{self.forward}(b.s, net, b.g, b.work);",
                    "dpc_net_contract(r.env + 4 * p, b.g, q, M, MP, TILE, x);",
                ]
            )
        )

    def neighbor_slopes(self) -> list[str]:
        """denv of the rows of centre a."""
        if self.tabulated:
            call = (
                f"{self.backward}(net, r.piece + k, r.t + k, r.env + 4 * k, m, x, r.denv + 4 * k);"
            )
            return self.per_type([call])
        plan = self.plan
        plan.buffer("ds", plan.tile, "[TILE] neighbours")
        plan.buffer("dg", -(-self.width // 8) * 8 * plan.tile, "[M][TILE] neighbours")
        self.scratch |= {"ds", "dg"}
        return self.per_type(
            self.per_block(
                [
                    "dpc_net_input(r.env + 4 * p, q, TILE, b.s);",
                    f"{self.forward}(b.s, net, b.g, b.work);",
                    "dpc_net_contract_back(r.env + 4 * p, b.g, x, q, M, MP, TILE,",
                    "                      r.denv + 4 * p, b.dg);",
                    f"{self.backward}(b.s, net, b.dg, b.ds, b.work);",
                    "dpc_net_slope(b.ds, q, r.denv + 4 * p);",
                ]
            )
        )


def _use_table(op: Any) -> str | None:
    """Static table of what a pair of types means, or None when every pair is used."""
    if not op.exclude and not op.pair_exclude:
        return None
    n = len(op.sel)
    use = [["DPC_PAIR_USED"] * n for _ in range(n)]
    for pairs, word in ((op.exclude, "DPC_PAIR_SILENT"), (op.pair_exclude, "DPC_PAIR_ABSENT")):
        for i, j in pairs:
            for a, b in ((i, j), (j, i)):
                if 0 <= a < n and 0 <= b < n:
                    use[a][b] = word
    lines = ",\n".join("    {" + ", ".join(line) + "}" for line in use)
    return f"static const unsigned char USE[NTYPES][NTYPES] = {{\n{lines},\n}};"


def _environment(op: Any) -> str:
    net = op.net
    fields = [f".cutoff = {op.rcut!r}", f".smooth = {op.rcut_smth!r}"]
    if isinstance(net, Table):
        fields += [
            f".lower = {net.lower!r}",
            f".upper = {net.upper!r}",
            f".stride = {net.stride!r}",
            f".pieces = {net.rows}",
        ]
    lines = ",\n".join("    " + field for field in fields)
    return f"static const dpc_environment ENVIRONMENT = {{\n{lines},\n}};"


def env_contract(plan: Plan, op: Any) -> None:
    """Rows of every centre, then x, one lane a centre."""
    if "xa" in plan.buffers:
        raise InputError(f"{plan.text[op]}: the cpu backend takes one env_contract in a program")
    own = _Embedding(plan, op)
    pad = plan.program.store[op.constant.name]
    x = plan.lanes(op.out, "x", 4 * own.blocks * own.width)
    sel = ", ".join(map(str, op.sel))
    use = _use_table(op)
    plan.statics += [f"static const int32_t SEL[NTYPES] = {{{sel}}};", _environment(op)]
    plan.statics += [use] if use else []
    which = "USE[tile->center_type]" if use else "NULL"
    plan.constant("NNEI", sum(op.sel), "the most neighbours of a centre: the sum of SEL")
    plan.constant("SCALE", op.scale, "of the sum over neighbours")
    lines = 4 if np.any(pad[:, :, 1:]) else 1
    code = [
        "r = dpc_rows_from(b.rows, first[a]);",
        f"const dpc_real *mean = {own.mean} + 4 * tile->center_type;",
        f"const dpc_real *std = {own.std} + 4 * tile->center_type;",
        "const double cutoff = ENVIRONMENT.cutoff;",
        "int32_t slots[NTYPES];",
        "n = dpc_within(tile, a, cutoff * cutoff, b.candidates);",
        f"n = dpc_group(tile, NTYPES, SEL, NNEI, {which}, cutoff, b.candidates, n, r, start[a],",
        "              slots);",
        "first[a + 1] = first[a] + dpc_round_up((size_t)n, DPC_ROW_BLOCK);",
        "if (dpc_env_rows(ENVIRONMENT, mean, std, r, n) < DPC_COINCIDENT2)",
        "  return dpc_coincident(tile, a, r, n, tile->pair);",
    ]
    if own.tabulated:
        code.append("tile->extrapolated += dpc_table_rows(ENVIRONMENT, r, n);")
    code += ["DPC_ROWS(n);", "DPC_STAGE(embedding);"]
    code += ["memset(b.xa, 0, 4 * BLOCKS * MP * sizeof(dpc_real));", *own.sum_neighbors()]
    if np.any(pad):
        constant = plan.tensor(op.constant.name, pad, address(op.constant.name))
        code += [
            "for (int32_t t = 0; t < NTYPES; t++) {",
            f"  const dpc_real *slot = {constant} +",
            "                       (size_t)(tile->center_type * NTYPES + t) * 4 * M;",
            f"  dpc_add_empty_slots((SEL[t] - slots[t]) / SCALE, slot, {lines}, M, MP,",
            f"                      {own.own_block});",
            "}",
        ]
    else:  # nothing to add, but the program needs the tensor
        plan.tensor(op.constant.name, pad, address(op.constant.name))
    code.append(f"dpc_to_lane(b.xa, SCALE, BLOCKS, M, MP, lanes, a, {x.pointer});")
    stage = plan.stage(op, code, {x.buffer, *own.scratch}, loop=True)
    stage.before = [
        "if (tile->count < lanes)",
        f"  memset({x.pointer}, 0, 4 * BLOCKS * M * (size_t)lanes * sizeof(dpc_real));",
    ]


def env_contract_vjp(plan: Plan, op: Any) -> None:
    """dE/dr of every row; forces and virials are added in the same loop."""
    own = _Embedding(plan, op)
    dx: Lanes = plan.at(op.dx)
    code = [
        "r = dpc_rows_from(b.rows, first[a]);",
        "n = start[a][NTYPES];",
        f"dpc_from_lane({dx.pointer}, SCALE, BLOCKS, M, MP, lanes, a, b.xa);",
        *own.neighbor_slopes(),
        "DPC_STAGE(force);",
        f"dpc_env_slopes({own.std} + 4 * tile->center_type, r, n);",
    ]
    stage = plan.stage(op, code, {dx.buffer, *own.scratch}, loop=True)
    if own.padded > own.width:
        stage.before = [
            "memset(b.xa, 0, 4 * BLOCKS * MP * sizeof(dpc_real)); /* what pads it stays 0 */"
        ]
    plan.values[op.out] = (own.rows, stage)
