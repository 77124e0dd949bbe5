"""Plans: stages in order, arrays that share memory only when they may, readable C."""

from pathlib import Path

import numpy as np
import pytest

from dpc.backends.cpu import emitters
from dpc.backends.cpu.build import backend
from dpc.backends.host.parts import Stage
from dpc.backends.host.plan import Plan, make_plan, place_buffers
from dpc.backends.host.write import write_plan
from dpc.errors import DpcError, InputError
from dpc.ir.builder import Builder
from dpc.ir.types import DType
from dpc.package import safetensors
from dpc.passes.pipeline import Pipeline
from dpc.targets import parse_target
from tests import programs

GOLDEN = Path(__file__).parents[3] / "golden"
TARGET = parse_target("cpu:x86-64-v3")
PASSES = (
    "canonicalize symmetrize tabulate{stride=0.05, lower=-1.0, upper=9.0} differentiate "
    "exact_neighbors fuse"
)


def fused(name: str = "fparam_aparam", passes: str = PASSES):
    return Pipeline.parse(passes).run(programs.program(programs.ZOO[name]))


def text_of(program) -> str:
    plan = backend.plan(program, TARGET)
    place = safetensors.layout(plan.tensors, plan.packing.to_metadata())
    return write_plan(plan, place.offsets, place.size, "0.1.0")


@pytest.mark.parametrize("name", ["fparam_aparam", "pair_exclude"])
def test_plan_c_is_as_it_was(name, update_golden):
    path = GOLDEN / f"plan_{name}.c.txt"
    text = text_of(fused(name))
    if update_golden:
        path.write_text(text)
    assert text == path.read_text(), "run pytest --update-golden and review the diff"


def test_every_op_is_a_comment_in_order():
    program = fused()
    words = " ".join(text_of(program).split())
    ops = ["env_contract", "outer", "normalize", "mlp_gradient", "bias", "outer_vjp", "virial"]
    places = [words.index(f"= {op} %") for op in ops]
    assert len(set(places)) == len(ops)
    assert words.index("dpc_add_energy") < words.index("!tile->force") < words.index("outer_vjp")


def test_arrays_share_memory_only_when_they_may():
    plan = backend.plan(fused(), TARGET)
    offsets, size = place_buffers(plan)
    uses = {
        name: [k for k, stage in enumerate(plan.stages) if name in stage.uses]
        for name in plan.buffers
    }
    for a in plan.buffers:
        assert offsets[a] % 64 == 0 and offsets[a] + plan.buffers[a].bytes <= size
        for b in plan.buffers:
            together = min(uses[a]) <= max(uses[b]) and min(uses[b]) <= max(uses[a])
            apart = (
                offsets[a] + plan.buffers[a].bytes <= offsets[b]
                or offsets[b] + plan.buffers[b].bytes <= offsets[a]
            )
            assert a == b or apart or not together
    assert size < sum(buffer.bytes for buffer in plan.buffers.values())


def test_parameters_are_written_beside_the_descriptor():
    plan = backend.plan(fused(), TARGET)
    places = [value for value in plan.values.values() if getattr(value, "buffer", "") == "d"]
    firsts = sorted({(value.first, value.features) for value in places})
    model = programs.ZOO["fparam_aparam"]
    k = firsts[0][1] if firsts[0][1] < firsts[1][1] else firsts[1][1]
    assert (k, model.fparam) in firsts and (k + model.fparam, model.aparam) in firsts


def test_an_op_without_emitter_is_named():
    with pytest.raises(InputError, match="no code for op outer: %d = outer %x"):
        kept = {name: e for name, e in emitters.EMITTERS.items() if name != "outer"}
        make_plan(fused(), TARGET, kept, emitters.INPUTS)


def test_an_input_the_runtime_has_not_is_named():
    b = Builder()
    coord, charge = b.input("coord", "f64[nall, 3]"), b.input("charge", "f64[nloc]")
    assert coord
    program = b.program(
        "x", programs.facts(programs.Model()), b.graph("energy", atom_energy=charge)
    )
    with pytest.raises(InputError, match="no input 'charge'"):
        make_plan(program, TARGET, emitters.EMITTERS, emitters.INPUTS)


def test_two_meanings_of_a_constant_are_found():
    plan = Plan(fused(), TARGET, DType.F64)
    assert plan.constant("M", 8) == plan.constant("M", 8) == "M"
    with pytest.raises(DpcError, match="M to be 8 and 9"):
        plan.constant("M", 9)
    with pytest.raises(InputError, match="mean is f32, but the nets compute in f64"):
        plan.tensor("mean", np.zeros(4, np.float32), "AT_MEAN")


def test_names_cannot_end_a_comment():
    from dataclasses import replace

    program = replace(fused(), name="*/ int evil; /*")
    assert "*/ int" not in text_of(program)


def test_a_stage_of_its_own_has_no_loop():
    assert not Stage([], []).loop


def test_an_attribute_without_code_is_refused():
    from dataclasses import replace

    program = fused()
    plan = backend.plan(program, TARGET)
    op = next(op for op in program.energy.body() if op.name == "env_contract")

    class Strange:
        def __getattr__(self, name):
            return getattr(op, name)

        def attributes(self):
            return {**op.attributes(), "upside_down": True}

    strange = Strange()
    plan = replace(plan, buffers={}, text={strange: "%x = env_contract"})
    with pytest.raises(InputError, match="no code for upside_down=True"):
        emitters.EMITTERS["env_contract"](plan, strange)
