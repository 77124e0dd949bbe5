"""Program to text. `parse` reads it back to the same text."""

from __future__ import annotations

import re
from typing import Any

from dpc.ir.graph import Graph
from dpc.ir.op import Op, Value, spec
from dpc.ir.params import NetBank, Ref, Table
from dpc.ir.program import Facts, MemoryPlan, Program
from dpc.ir.types import DType

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
WIDE = 72  # a body longer than this does not push the types of all others to the right


def to_text(program: Program) -> str:
    """The whole program: facts, declarations, graphs, memory plan."""
    parts = [_header(program.name, program.facts) + _declarations(program)]
    parts += [graph_to_text(graph) for graph in program.graphs.values()]
    if program.memory is not None:
        parts.append(_memory(program.memory))
    return "\n".join(parts)


def graph_to_text(graph: Graph) -> str:
    """One graph."""
    names = value_names(graph)
    args = ", ".join(f"{i.label}: {i.type}" for i in graph.inputs)
    rows = []
    for op in graph.body():
        left = ", ".join(f"%{names[v]}" for v in op.results)
        rows.append((left, _body(op, names), ", ".join(map(str, op.types))))
    lefts = max((len(left) for left, _, _ in rows), default=0)
    bodies = max((len(body) for _, body, _ in rows if len(body) <= WIDE), default=0)
    lines = [f"  {left:<{lefts}} = {body:<{bodies}} : {types}" for left, body, types in rows]
    returns = ", ".join(f"{name}=%{names[v]}" for name, v in graph.outputs.items())
    return "\n".join([f"graph {graph.name}({args}) {{", *lines, f"  return {returns}", "}\n"])


def value_names(graph: Graph) -> dict[Value, str]:
    """The name each value is printed with: its own where it is free, else a new one."""
    names: dict[Value, str] = {i.out: i.label for i in graph.inputs}
    returned = {value: name for name, value in reversed(list(graph.outputs.items()))}
    own = {v: v.name or returned.get(v, "") for op in graph.body() for v in op.results}
    wanted, taken, number = set(own.values()), set(names.values()), 0
    for op in graph.body():
        for value in op.results:
            name, copy = own[value], 1
            while not name or name in taken:
                if own[value]:
                    copy += 1
                    name = f"{own[value]}_{copy}"
                else:
                    name, number = str(number), number + 1
                if name in wanted:
                    name = ""
            taken.add(name)
            names[value] = name
    return names


def _body(op: Op, names: dict[Value, str]) -> str:
    described = spec(type(op))
    words = []
    for operand in described.operands:
        got = getattr(op, operand)
        if isinstance(got, tuple):
            words.append("(" + ", ".join(f"%{names[v]}" for v in got) + ")")
        else:
            words.append(f"%{names[got]}")
    for name, value in op.attributes().items():
        if name not in described.defaults or value != described.defaults[name]:
            words.append(f"{name}={attribute_text(value)}")
    return f"{op.name} {', '.join(words)}".rstrip()


def attribute_text(value: Any) -> str:
    """An attribute as it is written: 0.5, 16, true, "text", (1, 2), f32, @name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Ref, DType)):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        inside = ", ".join(map(attribute_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def quoted(text: str) -> str:
    """Text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _word(text: str) -> str:
    return text if WORD.fullmatch(text) else quoted(text)


def _header(name: str, facts: Facts) -> str:
    words = [
        f"program {_word(name)}",
        f"types {' '.join(map(quoted_type, facts.type_map))}",
        f"rcut {facts.rcut!r}",
        f"sel {' '.join(map(str, facts.sel))}",
    ]
    words += [f"fparam {facts.fparam}"] if facts.fparam else []
    words += [f"aparam {facts.aparam}"] if facts.aparam else []
    if facts.min_nbor_dist is not None:
        words.append(f"min_nbor_dist {facts.min_nbor_dist!r}")
    words.append(f"outputs {' '.join(facts.outputs)}")
    return "  ".join(words) + "\n"


# words that end the list of types in the header
HEADER = ("types", "rcut", "sel", "fparam", "aparam", "min_nbor_dist", "outputs")
STARTS = ("net", "table", "param", "graph", "memory")


def quoted_type(name: str) -> str:
    """An atom type's name, in quotes when it could be taken for something else."""
    return quoted(name) if name in (*HEADER, *STARTS) else _word(name)


def _declarations(program: Program) -> str:
    nets = [_net(bank) for bank in program.banks.values()]
    tables = [_table(table) for table in program.tables.values()]
    params = [[f"param {param}", str(param.type)] for param in program.params.values()]
    return "".join(f"{line}\n" for rows in (nets, tables, params) for line in _aligned(rows))


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = (map(str.ljust, row, widths) for row in rows)
    return ["  ".join(row).rstrip() for row in padded]


def _net(bank: NetBank) -> list[str]:
    flags = [bank.activation]
    flags += ["resnet"] if bank.resnet else []
    flags += ["dt"] if bank.timestep else []
    flags += ["head"] if bank.has_head else []
    flags += [f"plain {' '.join(map(str, bank.plain))}"] if bank.plain else []
    flags += ["bf16"] if bank.bf16 else []
    widths = " > ".join(map(str, bank.widths))
    return [f"net {bank}[{bank.index}]", f"{bank.count} nets", widths, " ".join(flags), bank.dtype]


def _table(table: Table) -> list[str]:
    span = f"{table.lower!r} to {table.upper!r} step {table.stride!r}"
    size = f"{table.rows} rows  width {table.width}"
    return [f"table {table}[{table.index}]", f"{table.count} nets", span, size, table.dtype]


def _memory(plan: MemoryPlan) -> str:
    rows = [
        f"  %{b.value}: offset {b.offset} size {b.size} live {b.first} to {b.last}"
        for b in plan.buffers
    ]
    return "\n".join([f"memory {plan.size} {{", *rows, "}\n"])
