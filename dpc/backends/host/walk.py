"""The walk over a fused program that makes a plan: the same for processors and GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from dpc.backends.base import Problem
from dpc.errors import InputError
from dpc.ir.graph import reachable
from dpc.ir.op import Input, Op, Value
from dpc.ir.ops.environment import EnvMatrix
from dpc.ir.ops.fused import EnvContract
from dpc.ir.params import NetBank, Table
from dpc.ir.printer import graph_to_text
from dpc.ir.program import Program
from dpc.ir.types import DType


class Place(Protocol):
    """Where a value of local atoms is."""

    def part(self, first: int, width: int) -> Any:
        """Some of its features."""
        ...


class Plan(Protocol):
    """What a walk fills."""

    @property
    def program(self) -> Program:
        """What is walked."""
        ...

    values: dict[Value, Any]
    text: dict[Op, str]


Emitter = Callable[[Any, Any], None]


def walk(
    plan: Plan,
    emitters: Mapping[str, Emitter],
    inputs: Mapping[str, Any],
    place: Callable[[Value], Place],
    energy_done: Callable[[], None],
) -> None:
    """Emit every op, those of the energy first; `energy_done` is called after each of them.

    `inputs`: what the values of the graph's inputs are called. `place` says where to put a value
    that several ops write parts of.
    """
    graph = plan.program.energy
    lines = graph_to_text(graph).splitlines()[1:]
    plan.text.update(
        {op: " ".join(line.split()) for op, line in zip(graph.body(), lines, strict=False)}
    )
    energy = set(reachable([graph.output("atom_energy")]))
    body = sorted(graph.body(), key=lambda op: op not in energy)  # stable
    for op in body:
        if op.name == "concat":
            _share_concat(plan, op, place(op.out))
    for op in graph.ops():
        if isinstance(op, Input):
            if op.label not in inputs:
                raise InputError(f"graph {graph.name}: this backend has no input {op.label!r}")
            plan.values[op.out] = inputs[op.label]
    for op in body:
        if op.name not in emitters:
            raise InputError(f"no code for op {op.name}: {plan.text[op]}")
        emitters[op.name](plan, op)
        if op in energy:
            energy_done()


def _share_concat(plan: Plan, op: Op, whole: Place) -> None:
    """The parts of a concat are written side by side at once."""
    first = 0
    for value in op.operands:
        if value in plan.values:
            raise InputError(f"{plan.text[op]}: the same array twice cannot be compiled")
        width = int(value.dims[-1])
        plan.values[value] = whole.part(first, width)
        first += width


def unknown_ops(program: Program, emitters: Mapping[str, Emitter]) -> list[Op]:
    """The ops that no emitter knows."""
    return [op for op in program.energy.body() if op.name not in emitters]


def number_format(program: Program) -> DType:
    """What the nets compute in: one format for all of them."""
    nets = [ref for ref in program.refs.values() if isinstance(ref, NetBank | Table)]
    formats = sorted({ref.dtype for ref in nets})
    if len(formats) > 1:
        raise InputError(f"some nets are {formats[0]}, others {formats[1]}")
    return formats[0] if formats else DType.F64


def problems_of(
    program: Program, emitters: Mapping[str, Emitter], outputs: Iterable[str], who: str
) -> list[Problem]:
    """Ops without code, missing outputs, numbers of another format than the nets'."""
    graph = program.energy
    lines = graph_to_text(graph).splitlines()[1:]
    text = dict(zip(graph.body(), lines, strict=False))
    problems = [
        Problem(" ".join(text[op].split()), f"no code for op {op.name}", fuse_first(who))
        for op in unknown_ops(program, emitters)
    ]
    problems += [
        Problem(f"graph {graph.name}", f"has no output {name}", DIFFERENTIATE)
        for name in outputs
        if name not in graph.outputs
    ]
    return [*problems, *_formats(program, who)]


DIFFERENTIATE = "Add the pass differentiate to the pipeline."


def fuse_first(who: str) -> str:
    """What to do when a program is not in the form that backends take."""
    return f"{who} takes what the passes exact_neighbors and fuse leave: add them."


def _formats(program: Program, who: str) -> list[Problem]:
    """Where nets and environment rows differ in their number format."""
    remedy = (
        "Add the pass widen, and for float32 then cast, before differentiate: from the rows of "
        f"the environment on {who[0].lower()}{who[1:]} computes in one number format."
    )
    try:
        wanted = number_format(program)
    except InputError as error:
        return [Problem(f"graph {program.energy.name}", str(error), remedy)]
    rows = {op.mean for op in program.energy.body() if isinstance(op, EnvMatrix | EnvContract)}
    return [
        Problem(str(mean), f"is {mean.type.dtype}, but the nets are {wanted}", remedy)
        for mean in rows
        if mean.type.dtype is not wanted
    ]
