"""Rules, substitution and sharing."""

from __future__ import annotations

import numpy as np
import pytest

from dpc.errors import GraphError
from dpc.ir.builder import Builder
from dpc.ir.evaluate import evaluate
from dpc.ir.graph import Graph
from dpc.ir.op import Op
from dpc.ir.ops.arith import Add, Multiply, Scale
from dpc.ir.program import Facts
from dpc.ir.rewrite import rewrite, share, substitute


def graph() -> Graph:
    """y = 2a + 3(2a)."""
    b = Builder()
    a = b.input("a", "f64[n]")
    one = b.scale(a, factor=2.0, name="one")
    return b.graph("g", y=b.add(one, b.scale(b.scale(a, factor=2.0), factor=3.0), name="y"))


def value(g: Graph, **inputs: object) -> list[float]:
    program = Builder().program("p", Facts(("O",), 6.0, (1,)), g)
    found: list[float] = evaluate(program, g, inputs or {"a": [1.0]})["y"].tolist()
    return found


def merge_scales(op: Op) -> Op | None:
    if isinstance(op, Scale) and isinstance(op.a.op, Scale):
        return Scale(op.a.op.a, op.factor * op.a.op.factor)
    return None


def test_rule() -> None:
    before = graph()
    after = rewrite(before, merge_scales)
    assert [op.name for op in before.body()] == ["scale", "scale", "scale", "add"]
    assert [op.name for op in after.body()] == ["scale", "scale", "add"]
    assert value(before) == value(after) == [8.0]
    assert after.output("y").name == "y"


def test_first_rule_that_answers_wins_and_names_are_handed_on() -> None:
    def double(op: Op) -> Op | None:
        return Scale(op.a, 5.0) if isinstance(op, Scale) and op.factor == 2.0 else None

    def never(op: Op) -> Op | None:
        raise AssertionError if isinstance(op, Scale) and op.factor == 2.0 else None

    after = rewrite(graph(), double, lambda op: None)
    assert value(after) == [20.0]
    assert [op.names for op in after.body()][0] == ("one",)


def test_rule_may_answer_with_a_value() -> None:
    after = rewrite(graph(), lambda op: op.a if isinstance(op, Add) else None)
    assert [op.name for op in after.body()] == ["scale"]
    assert value(after) == [2.0]


def test_rule_must_keep_the_type() -> None:
    def to_scalar(op: Op) -> object:
        return Builder().sum_atoms(op.a) if isinstance(op, Add) else None

    with pytest.raises(
        GraphError, match=r"to_scalar turned add into f64\[\], but it gave f64\[n\]"
    ):
        rewrite(graph(), to_scalar)


def test_nothing_to_do_is_the_same_ops() -> None:
    before = graph()
    assert rewrite(before, lambda op: None).ops() == before.ops()


def test_share() -> None:
    before = graph()
    after = share(before)
    assert [op.name for op in after.body()] == ["scale", "scale", "add"]
    assert value(after) == [8.0]
    assert share(after).ops() == after.ops()


def test_share_keeps_what_differs() -> None:
    b = Builder()
    a = b.input("a", "f64[n]")
    g = b.graph("g", y=b.add(b.scale(a, factor=2.0), b.scale(a, factor=2.5)))
    assert len(share(g).body()) == 3
    # 0.0 and -0.0 are equal, and are not the same
    g = Graph("g", g.inputs, {"y": Add(Scale(a, 0.0).out, Scale(a, -0.0).out).out})
    assert len(share(g).body()) == 3


def test_substitute_values() -> None:
    g = graph()
    (one, *_) = g.body()
    after = substitute(g, {one.out: Multiply(g.input("a"), g.input("a")).out})
    assert value(after, a=[3.0]) == [27.0]
    assert value(g, a=[3.0]) == [24.0]


def test_substitute_an_input_by_one_of_another_type() -> None:
    g = graph()
    b = Builder()
    wide = b.input("a", "f64[n, 2]")
    after = substitute(g, {g.input("a"): wide})
    assert str(after.output("y").type) == "f64[n, 2]"
    assert [str(i.type) for i in after.inputs] == ["f64[n, 2]"]
    assert np.array(value(after, a=[[1.0, 2.0]])).tolist() == [[8.0, 16.0]]


def test_substitute_an_input_by_something_made_of_a_new_input() -> None:
    g = graph()
    long = Builder().input("long", "f64[n]")
    after = substitute(g, {g.input("a"): Scale(long, 10.0).out})
    assert [i.label for i in after.inputs] == ["long"]
    assert value(after, long=[1.0]) == [80.0]


def test_substitute_an_output() -> None:
    g = graph()
    after = substitute(g, {g.output("y"): g.input("a")})
    assert after.body() == []
    assert value(after) == [1.0]
