# ruff: noqa: E501
"""The text form: whole programs there and back, and errors that point at the word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dpc.errors import InputError, TextError
from dpc.ir.builder import Builder
from dpc.ir.evaluate import evaluate
from dpc.ir.graph import Graph
from dpc.ir.parser import parse
from dpc.ir.printer import attribute_text, to_text, value_names
from dpc.ir.program import Buffer, Facts, MemoryPlan, Program
from dpc.ir.verify import verify
from tests.unit.ir.models import energy, with_forces
from tests.unit.ir.test_forces import INPUTS
from tests.unit.ir.world import World

TEXT = """\
program water  types O H  rcut 4.0  sel 3 2  min_nbor_dist 0.85  outputs atom_energy
net @embedding[neighbor type]  2 nets  1 > 3 > 6        tanh resnet dt       f64
net @fitting[atom type]        2 nets  12 > 5 > 5 > 1  tanh resnet dt head  f64
param @mean  f64[2, 4]
param @std   f64[2, 4]
param @bias  f64[2]

graph energy(coord: f64[nall, 3], atype: i32[nall], nlist: i32[nloc, nnei]) {
  %r   = displacement %coord, %nlist                  : f64[nloc, nnei, 3]
  %ti  = center_type %atype, %nlist                   : i32[nloc]
  %env = env_matrix %r, %ti, %nlist, mean=@mean, std=@std, rcut=4.0, rcut_smth=0.5 : f64[nloc, nnei, 4]
  %s   = radial %env                                  : f64[nloc, nnei]
  %tj  = neighbor_type %atype, %nlist, sel=(3, 2)     : i32[nloc, nnei]
  %g   = mlp %s, %tj, net=@embedding, scalar=true     : f64[nloc, nnei, 6]
  %x   = contract %env, %g, scale=0.2                 : f64[nloc, 4, 6]
  %d   = outer %x, axis_neuron=2                      : f64[nloc, 12]
  %e   = mlp %d, %ti, net=@fitting                    : f64[nloc, 1]
  %a   = bias %e, %ti, bias=@bias                     : f64[nloc]
  return atom_energy=%a
}
"""


def test_the_text_of_a_model() -> None:
    """Also a check that nobody changes the format unawares."""
    program = energy()
    text = to_text(program)
    squeezed = [line.split() for line in text.splitlines()]
    assert squeezed == [line.replace("water", "world").split() for line in TEXT.splitlines()]


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("one_side", [False, True])
def test_there_and_back(ragged: bool, one_side: bool) -> None:
    program = with_forces(energy(ragged, one_side, exclude=((0, 1),), pair_exclude=((1, 1),)))
    text = to_text(program)
    again = verify(parse(text, program.store))
    assert to_text(again) == text
    assert again.facts == program.facts
    assert again.refs == program.refs
    before, after = (evaluate(p, "energy", INPUTS[ragged]) for p in (program, again))
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_facts_memory_and_odd_names() -> None:
    plan = MemoryPlan(4096, (Buffer("x", 0, 1024, 2, 5), Buffer("d", 1024, 64, 3, 3)))
    facts = Facts(
        ("O", "rcut", "H+ ion", 'a"b\\c', "param"), 6, (1, 2, 3, 4, 5), fparam=2, aparam=1
    )
    graph = energy().energy
    program = Program("my model", facts, {"energy": graph}, memory=plan)
    again = parse(to_text(program))
    assert (again.name, again.facts, again.memory) == ("my model", facts, plan)
    assert to_text(again) == to_text(program)


@pytest.mark.parametrize("number", [0.1, 1e-300, 1 / 3, -2.5e-8, float("inf"), 123456789.123, -0.0])
def test_floats_keep_every_bit(number: float) -> None:
    world = World(False)
    program = world.program({"y": Builder().scale(world.atoms("a"), factor=number)})
    (op,) = parse(to_text(program)).energy.body()
    assert np.float64(op.factor).tobytes() == np.float64(number).tobytes()


def test_two_graphs_and_comments() -> None:
    text = (
        TEXT
        + "\n// another\ngraph twice(a: f64[n]) {\n  %y = add %a, %a : f64[n] // so\n  return y=%y\n}\n"
    )
    program = parse(text)
    assert list(program.graphs) == ["energy", "twice"]
    assert evaluate(program, "twice", {"a": [1.0, 2.0]})["y"].tolist() == [2, 4]


def test_value_names() -> None:
    """A name is kept; a second of the same name, or one of an input, gets a number."""
    b = Builder()
    a = b.input("a", "f64[n]")
    one, two = b.scale(a, factor=1.0, name="y"), b.scale(a, factor=2.0, name="y")
    three = b.add(b.add(one, two), one, name="a")
    graph = b.graph("g", z=b.add(three, two))
    assert list(value_names(graph).values()) == ["a", "y", "y_2", "0", "a_2", "z"]
    b, two = Builder(), b.scale(a, factor=2.0, name="y")
    graph = b.graph("g", y_2=b.add(b.add(one, two), one))
    assert list(value_names(graph).values()) == ["y", "y_3", "0", "y_2"]


@pytest.mark.parametrize(
    ("value", "text"),
    [((1,), "(1,)"), ((), "()"), (((0, 1),), "((0, 1),)"), (True, "true"), ('a"', '"a\\""')],
)
def test_attributes(value: object, text: str) -> None:
    assert attribute_text(value) == text


def test_names_in_the_text_survive_dropping_an_op() -> None:
    program = parse(TEXT.replace("return atom_energy=%a", "return atom_energy=%a, x=%x"))
    graph = program.energy
    smaller = replace(
        program, graphs={"energy": Graph("energy", graph.inputs, {"x": graph.output("x")})}
    )
    assert "%x   = contract %env, %g, scale=0.2" in to_text(smaller)
    assert "%d" not in to_text(smaller)
    assert "@fitting" not in to_text(smaller)


ERRORS = [
    ("outer %x", "outr %x", "16:10: no operation 'outr'. Did you mean 'outer'?", "outr"),
    ("axis_neuron=", "axis_neurons=", "16:20: no attribute of outer called 'axis_neurons'. Did you mean 'axis_neuron'?", "axis_neurons"),
    ("axis_neuron=2", "axis_neuron=2.5", "16:32: outer: axis_neuron must be int", "2.5"),
    ("axis_neuron=2", "axis_neuron=7", "16:10: outer: axis_neuron is 7, but must be 1 to 6", "outer"),
    (", axis_neuron=2", "", "16:10: outer: axis_neuron missing", "outer"),
    ("%env, %g,", "%env, %gg,", "15:25: no value '%gg'. Did you mean '%g'?", "%gg"),
    ("%env, %g,", "%env, %g, %g,", "15:29: contract: too many operands; it takes env, g", "%g"),
    ("%env, %g,", "%env,", "15:25: contract: expected operand g, found 'scale'", "scale"),
    ("rcut_smth=0.5", "rcut_smth=7.0", "11:10: env_matrix: rcut_smth is 7.0, but must be at least 0 and smaller than rcut (4.0)", "env_matrix"),
    ("12 > 5", "14 > 5", "17:10: mlp: x gives 12 inputs, but @fitting takes 14", "mlp"),
    ("f64[nloc, 4, 6]", "f64[nloc, 4, 7]", "15:57: contract gives f64[nloc, 4, 6], not f64[nloc, 4, 7]", "f64"),
    ("f64[nloc, 4, 6]", "f63[nloc, 4, 6]", "15:57: no dtype 'f63'. Did you mean 'f64'?", "f63"),
    ("net=@fitting", "net=@fiting", "17:27: no net, table or param '@fiting'. Did you mean '@fitting'?", "@fiting"),
    ("net=@fitting", "net=@mean", "17:27: mlp: net must be NetBank", "@mean"),
    ("scalar=true", "scalar=1", "14:46: mlp: scalar must be bool", "1"),
    ("tanh resnet dt head", "tan resnet dt head", "3:5: no activation function is called 'tan'. Did you mean 'tanh'?", "@fitting"),
    ("[atom type]", "[atoms type]", "3:5: @fitting: no index 'atoms type'. Did you mean 'atom type'?", "@fitting"),
    ("param @std", "param @mean", "5:7: @mean is there twice", "@mean"),
    ("%s   = radial", "%r   = radial", "12:3: %r is there twice", "%r"),
    ("rcut 4.0", "rcutt 4.0", "1:16: the program does not say its rcut. Did you mean 'rcutt'?", "types"),
    ("sel 3 2 ", "sel 3.5 2 ", "1:41: expected a whole number, found '3.5'", "3.5"),
    ("graph energy", "graf energy", "8:1: expected", "graf"),
    ("return atom_energy=%a", "return atom_energy=%aa", "19:22: no value '%aa'. Did you mean '%a'?", "%aa"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message", "word"), ERRORS)
def test_errors_point_at_the_word(old: str, new: str, message: str, word: str) -> None:
    assert old in TEXT
    with pytest.raises(TextError) as caught:
        parse(TEXT.replace(old, new, 1), source="water.dpir")
    first, line, caret = str(caught.value).splitlines()
    assert first.startswith(f"water.dpir:{message}")
    column = int(first.split(":")[2])
    assert caret == " " * (column - 1) + "^" * len(word)
    assert line[column - 1 :].startswith(word)
    assert line in TEXT.replace(old, new, 1).splitlines()


def test_every_cut_is_an_error_and_never_a_crash() -> None:
    complete = len(TEXT.rstrip())
    header = TEXT.index("\nnet") + 1
    for end in range(0, complete, 7):
        if end >= header and TEXT[:end].rstrip().endswith(("f64", "4]", "2]", "atom_energy")):
            continue  # a program without a graph, which `verify` refuses
        if end < header:
            continue
        with pytest.raises(TextError):
            parse(TEXT[:end])


def test_without_numbers() -> None:
    program = verify(parse(TEXT))
    with pytest.raises(InputError, match="tensor 'mean' is missing"):
        evaluate(program, "energy", INPUTS[False])
