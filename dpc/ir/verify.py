"""What must hold for any program."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from dpc.errors import GraphError, all_problems
from dpc.ir.graph import Graph
from dpc.ir.op import Input
from dpc.ir.params import Ref
from dpc.ir.program import Program
from dpc.ir.types import ArrayType

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
VALUE_NAME = re.compile(r"[A-Za-z0-9_.]*")


def verify(program: Program) -> Program:
    """The program itself, or a GraphError that lists everything wrong with it."""
    problems = [*_facts(program), *_declarations(program), *_store(program)]
    for name, graph in program.graphs.items():
        if name != graph.name:
            problems.append(f"graph {graph.name!r} is listed as {name!r}")
        problems += (f"graph {graph.name}: {problem}" for problem in _graph(graph))
    if problems:
        raise GraphError(all_problems(f"program {program.name}", problems))
    return program


def _facts(program: Program) -> Iterator[str]:
    facts = program.facts
    if not facts.type_map:
        yield "the type map is empty"
    if len(set(facts.type_map)) != facts.ntypes:
        yield f"the type map names a type twice: {' '.join(facts.type_map)}"
    if len(facts.sel) != facts.ntypes:
        yield f"sel has {len(facts.sel)} numbers for {facts.ntypes} types"
    if min(facts.sel, default=0) < 0:
        yield f"sel has a negative number: {' '.join(map(str, facts.sel))}"
    if not 0 < facts.rcut < math.inf:
        yield f"rcut is {facts.rcut}, but must be positive"
    if facts.fparam < 0 or facts.aparam < 0:
        yield f"fparam is {facts.fparam} and aparam {facts.aparam}: neither may be negative"
    if facts.min_nbor_dist is not None and not 0 < facts.min_nbor_dist < math.inf:
        yield f"min_nbor_dist is {facts.min_nbor_dist}, but must be positive"
    if "energy" not in program.graphs:
        yield f"there is no graph 'energy', only {', '.join(program.graphs) or 'none'}"
    else:
        for name in facts.outputs:
            if name not in program.graphs["energy"].outputs:
                yield f"output {name!r} is promised, but graph energy does not return it"


def _declarations(program: Program) -> Iterator[str]:
    first: dict[str, Ref] = {}
    for graph in program.graphs.values():
        for op in graph.body():
            for ref in op.attributes().values():
                if not isinstance(ref, Ref):
                    continue
                if not NAME.fullmatch(ref.name):
                    yield f"@{ref.name} is not a name: letters, digits, _ and . only"
                if first.setdefault(ref.name, ref) != ref:
                    yield f"{ref} means two things: {first[ref.name]!r} and, in {op.name}, {ref!r}"


def _store(program: Program) -> Iterator[str]:
    """A program without numbers is fine; one with some must have them all."""
    if not len(program.store):
        return
    for name, type in program.tensors().items():
        if name not in program.store:
            yield f"tensor {name!r} is missing: {type}"
        elif (found := ArrayType.of(program.store[name])) != type:
            yield f"tensor {name!r} is {found}, but must be {type}"


def _graph(graph: Graph) -> Iterator[str]:
    labels = [i.label for i in graph.inputs]
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        yield f"input {label!r} is there twice"
    if not graph.outputs:
        yield "it returns nothing"
    for name in [graph.name, *labels, *graph.outputs]:
        if not NAME.fullmatch(name):
            yield f"{name!r} is not a name: letters, digits, _ and . only"
    for op in graph.ops():
        if isinstance(op, Input):
            if op not in graph.inputs:
                yield f"input {op.label!r} is used, but not declared"
            continue
        if len(op.names) not in (0, len(op.types)):
            yield f"{op.name} has {len(op.types)} results, but {len(op.names)} names"
        for name in op.names:
            if not VALUE_NAME.fullmatch(name):
                yield f"%{name} is not a name: letters, digits, _ and . only"
        try:
            again = op.infer()
        except GraphError as error:
            yield str(error)
            continue
        if (again if isinstance(again, tuple) else (again,)) != op.types:
            yield f"{op.name} has types {', '.join(map(str, op.types))}, but infers others"
