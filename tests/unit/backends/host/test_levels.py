"""Code for several instruction sets in one library: which, in what order, chosen how."""

import numpy as np
import pytest

from dpc.backends.cpu.build import backend
from dpc.backends.host.cc import compile_object
from dpc.backends.host.levels import entry_name, write_levels
from dpc.backends.host.numbers import Numbers
from dpc.backends.host.text import fill
from dpc.errors import ToolError, UsageError
from dpc.package import packed, safetensors
from dpc.passes.pipeline import Pipeline
from dpc.targets import parse_target
from tests import programs

PASSES = "canonicalize widen symmetrize tabulate differentiate exact_neighbors fuse"


def test_levels_come_from_the_least_capable():
    target = parse_target("cpu:x86-64-v4+bf16,x86-64-v2,x86-64-v4")
    assert str(target) == "cpu:x86-64-v2,x86-64-v4,x86-64-v4+bf16"
    assert target.isa == "x86-64-v2"  # what libdpc asks for
    assert [level.others for level in target.levels] == [(), (), ()]


@pytest.mark.parametrize(
    "option, words",
    [
        ("x86-64-v3,x86-64-v3", "there twice"),
        ("x86-64-v3,aarch64", "two kinds of processor"),
        ("x86-64-v3,x86-64-v9", "no such instruction set"),
    ],
)
def test_wrong_levels(option, words):
    with pytest.raises(UsageError, match=words):
        parse_target(f"cpu:{option}")


def test_the_most_capable_is_asked_for_first():
    levels = parse_target("cpu:x86-64-v2,x86-64-v3,x86-64-v4+amx").levels
    text = write_levels(levels, 2, 48, 640)
    order = [text.index(f"return &{entry_name(level)};") for level in reversed(levels)]
    assert order == sorted(order)
    assert text.index("may_use_tiles()") and '"amx-tile"' in text
    assert '.isa = "x86-64-v2"' in text and ".tile_atoms = 48" in text
    assert "amx" not in write_levels(levels[:2], 2, 48, 640)


def test_equal_numbers_are_stored_once():
    program = Pipeline.parse(PASSES).run(programs.program(programs.variant(neuron=(3, 6))))
    plans = [
        backend.plan(program, level) for level in parse_target("cpu:x86-64-v2,x86-64-v4").levels
    ]
    numbers = Numbers.of(plans)
    assert set(numbers.tensors) - set(plans[0].tensors) == {"embedding@x86-64-v4"}
    first, second = (numbers.offsets(plan) for plan in plans)
    assert {name for name in first if first[name] != second[name]} == {"embedding"}
    found = packed.unpack(*safetensors.load(numbers.file(), ""))
    for name in program.tensors():
        assert np.array_equal(found[name], program.store[name]), name


def test_objcopy_is_asked_for(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None if "objcopy" in name else f"/bin/{name}")
    with pytest.raises(ToolError, match="needs objcopy"):
        compile_object(parse_target("cpu:x86-64-v3"), {}, "plan.c", [], "x")


def test_lines_are_filled():
    assert fill("f(", ["a", "b"], ");") == ["f(a, b);"]
    assert fill("if (", ["aa", "bb", "cc"], ")", 11, " &&") == ["if (aa &&", "    bb &&", "    cc)"]
