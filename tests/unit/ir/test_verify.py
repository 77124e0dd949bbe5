"""`verify` refuses what must not be, and lists all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dpc.errors import GraphError
from dpc.ir.builder import Builder
from dpc.ir.graph import Graph
from dpc.ir.op import Input
from dpc.ir.params import Param, ParamStore
from dpc.ir.program import Program
from dpc.ir.types import ArrayType
from dpc.ir.verify import verify
from tests.unit.ir.models import energy, with_forces


def fact(**change: object) -> Callable[[Program], Program]:
    return lambda p: replace(p, facts=replace(p.facts, **change))


def tensor(name: str, array: np.ndarray) -> Callable[[Program], Program]:
    return lambda p: replace(p, store=p.store.updated({name: array}))


def output(make: Callable[[Builder, Graph], object]) -> Callable[[Program], Program]:
    def change(p: Program) -> Program:
        value = make(Builder(), p.energy)
        outputs = {**p.energy.outputs, "more": value}
        return replace(p, graphs={"energy": replace(p.energy, outputs=outputs)})

    return change


def hidden(p: Program) -> Program:
    graph = replace(p.energy, inputs=p.energy.inputs[1:])
    return replace(p, graphs={"energy": graph})


def without(p: Program) -> Program:
    return replace(p, store=ParamStore({k: v for k, v in p.store.items() if k != "bias"}))


F64 = ArrayType.parse
CASES: list[tuple[str, Callable[[Program], Program]]] = [
    ("the type map is empty", fact(type_map=(), sel=())),
    ("names a type twice: O O", fact(type_map=("O", "O"))),
    ("sel has 3 numbers for 2 types", fact(sel=(1, 2, 3))),
    ("sel has a negative number", fact(sel=(-1, 2))),
    ("rcut is 0.0, but must be positive", fact(rcut=0)),
    ("rcut is nan, but must be positive", fact(rcut=float("nan"))),
    ("neither may be negative", fact(fparam=-1)),
    ("min_nbor_dist is 0.0, but must be positive", fact(min_nbor_dist=0)),
    ("output 'force' is promised", fact(outputs=("force",))),
    ("there is no graph 'energy', only none", lambda p: replace(p, graphs={})),
    ("graph 'energy' is listed as 'main'", lambda p: replace(p, graphs={"main": p.energy})),
    ("tensor 'bias' is missing: f64[2]", without),
    ("tensor 'bias' is f64[3], but must be f64[2]", tensor("bias", np.zeros(3))),
    ("tensor 'std' is f32[2, 4]", tensor("std", np.ones((2, 4), np.float32))),
    ("input 'coord' is used, but not declared", hidden),
    ("it returns nothing", lambda p: replace(p, graphs={"energy": replace(p.energy, outputs={})})),
    (
        "@bias means two things",
        output(lambda b, g: b.constant(value=Param("bias", F64("f64[9]")))),
    ),
    ("%a b is not a name", output(lambda b, g: b.add(*[g.input("coord")] * 2, name="a b"))),
    (
        "input 'coord' is used, but not declared",
        output(lambda b, g: b.scale(Input("coord", F64("f64[nall, 3]")).out, factor=2.0)),
    ),
    (
        "add has 1 results, but 2 names",
        output(lambda b, g: b.add(*[g.input("coord")] * 2, name=("a", "b"))),
    ),
]


@pytest.mark.parametrize(("message", "change"), CASES)
def test_refuses(message: str, change: Callable[[Program], Program]) -> None:
    with pytest.raises(GraphError) as caught:
        verify(change(energy()))
    assert message in str(caught.value)
    assert str(caught.value).startswith("program world: ")


def test_accepts() -> None:
    for ragged in (False, True):
        program = with_forces(energy(ragged))
        assert verify(program) is program


def test_lists_everything() -> None:
    broken = fact(rcut=0, sel=(1,))(tensor("bias", np.zeros(3))(energy()))
    with pytest.raises(GraphError, match="3 problems"):
        verify(broken)


def test_types_that_were_tampered_with() -> None:
    program = energy()
    (op,) = (o for o in program.energy.ops() if o.name == "outer")
    object.__setattr__(op, "types", (F64("f64[nloc, 99]"),))
    with pytest.raises(GraphError, match="outer has types"):
        verify(program)
