"""cast: float32 from the rows on, double where sums are made; forces of the rounded energy."""

from dataclasses import replace

import numpy as np
import pytest

from dpc.errors import GraphError, UsageError
from dpc.ir.bfloat16 import to_bfloat16
from dpc.ir.evaluate import evaluate
from dpc.ir.parser import parse
from dpc.ir.printer import to_text
from dpc.ir.types import DType
from dpc.passes.base import Context, PassError
from dpc.passes.pipeline import Pipeline
from dpc.passes.pipelines import choose_pipeline
from dpc.passes.samples import inputs_for
from dpc.targets import parse_target
from tests import programs

TARGET = parse_target("cpu:x86-64-v4")
FUSED = "widen symmetrize tabulate cast differentiate exact_neighbors fuse"


def compiled(name: str, passes: str = FUSED):
    return Pipeline.parse(passes).run(programs.program(programs.ZOO[name]))


@pytest.mark.parametrize("name", ["two_side_exclude", "fparam_aparam", "atom_exclude", "float32"])
def test_what_is_float32_and_what_is_not(name):
    program = compiled(name)
    names = {op.name: op for op in program.energy.body()}
    assert {"env_contract", "env_contract_vjp", "mlp_gradient"} <= set(names)  # all was fused
    formats = {name: kind.dtype for name, kind in program.tensors().items()}
    double = {"bias", "fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std"}
    for tensor, kind in formats.items():
        assert kind == (DType.F64 if tensor in double else DType.F32), tensor
        assert program.store[tensor].dtype == kind.numpy
    assert {value.dtype for value in program.energy.outputs.values()} == {DType.F64}
    assert (
        names["outer"].out.dtype is DType.F32 and names["env_contract_vjp"].out.dtype is DType.F64
    )


def test_forces_are_the_gradient_of_the_rounded_energy():
    """Much nearer to it than the rounding moved the energy's own gradient."""
    program = compiled("one_side", "widen symmetrize cast differentiate")
    tensors = {name: a.astype(np.float64) for name, a in program.store.items()}
    rounded = Pipeline.parse("widen").run(program)  # the same numbers, computed in double
    assert all(np.array_equal(rounded.store[name], a) for name, a in tensors.items())
    sample = programs.samples()[0]
    inputs = inputs_for(program.energy, sample)
    force, exact = (evaluate(p, "energy", inputs)["force"] for p in (program, rounded))
    np.testing.assert_allclose(force, exact, atol=2e-6)


def test_hidden_layers_in_bfloat16():
    program = compiled("one_side", FUSED.replace("cast", "cast{bf16}"))
    assert program.banks["fitting"].bf16
    text = to_text(program)
    assert "tanh resnet head bf16  f32" in text and to_text(parse(text, program.store)) == text
    single = compiled("one_side")
    inputs = inputs_for(program.energy, programs.samples()[0])
    mixed, exact = (evaluate(p, "energy", inputs) for p in (program, single))
    for name in ("atom_energy", "force"):
        assert 1e-6 < np.abs(mixed[name] - exact[name]).max() < 3e-2, name


def test_rounding_to_bfloat16():
    exact = np.array([1.0, -3.5, 0.0, np.inf], np.float32)
    assert np.array_equal(to_bfloat16(exact), exact)
    step = 2.0**-7  # between neighbours at 1
    given = np.array([1 + 0.4 * step, 1 + 0.5 * step, 1 + 1.5 * step, 1 + 0.6 * step], np.float32)
    assert to_bfloat16(given).tolist() == [1.0, 1.0, 1 + 2 * step, 1 + step]
    assert np.isnan(to_bfloat16(np.array([np.nan], np.float32))).all()


def test_bf16_goes_with_float32_and_a_head():
    with pytest.raises(GraphError, match="bf16 goes with f32 and a head"):
        replace(compiled("one_side", "canonicalize").banks["fitting"], bf16=True)


def test_its_place_is_before_differentiate():
    with pytest.raises(UsageError, match="cast must come before differentiate"):
        Pipeline.parse("differentiate cast")
    forces = Pipeline.parse("differentiate").run(programs.program())
    with pytest.raises(PassError, match="put cast before differentiate"):
        Pipeline.parse("cast").passes[0].run(forces, Context())


def test_pipelines_of_a_precision():
    assert "cast" not in str(choose_pipeline(TARGET))
    single = str(choose_pipeline(TARGET, precision="f32"))
    assert "cast differentiate" in single and "memory{tile=48}" in single
    text = "widen cast tabulate differentiate"
    assert str(choose_pipeline(TARGET, text, "f32")).count("cast") == 1
    with pytest.raises(UsageError, match="has no differentiate"):
        choose_pipeline(TARGET, "widen", "f32")
    with pytest.raises(UsageError, match="Did you mean 'mixed'"):
        choose_pipeline(TARGET, precision="mixd")


def test_the_error_of_forces_goes_to_the_passes_that_have_a_budget():
    text = "basis fold{max_force_error=1e-3} differentiate"
    assert str(choose_pipeline(TARGET, text, max_force_error=1e-9)) == (
        "basis{max_force_error=1e-09} fold{max_force_error=0.001} differentiate"
    )
    with pytest.raises(UsageError, match="must be positive"):
        choose_pipeline(TARGET, text, max_force_error=-1.0)
