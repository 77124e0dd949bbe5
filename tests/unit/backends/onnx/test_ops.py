"""Every op on padded lists: what ONNX Runtime computes is what the op's own eval says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dpc.backends.onnx.emission import emitters
from dpc.backends.onnx.model import to_onnx
from dpc.errors import InputError
from dpc.ir.evaluate import check_inputs, evaluate
from dpc.ir.graph import Graph
from dpc.ir.op import Input
from dpc.ir.ops.net import Mlp, MlpVjp
from dpc.ir.params import NetBank
from dpc.ir.program import Facts, Program
from dpc.ir.types import ArrayType, DType
from tests.unit.backends.onnx.runtime import close, run
from tests.unit.ir.world import all_examples, make

# of fused programs, of ragged lists and of circuits, none of which pipeline onnx makes
WITHOUT = {"env_contract", "env_contract_vjp", "fixed_point", "mlp_gradient", "nearest_neighbors",
           "padding"}  # fmt: skip
PADDED = [(n, i) for n, i, ragged in all_examples() if not ragged and n not in WITHOUT]


def same(program: Program, inputs: dict[str, Any]) -> None:
    """ONNX Runtime and the evaluator agree on the outputs of a program."""
    got = run(to_onnx(program), check_inputs(program.energy, inputs))
    close(got, evaluate(program, "energy", inputs), 1e-13)


def test_only_these_have_no_emitter() -> None:
    names = {name for name, _, _ in all_examples()}
    assert {name for name in names if name not in emitters} == WITHOUT


@pytest.mark.parametrize(("name", "number"), PADDED, ids=lambda x: str(x))
def test_op(name: str, number: int) -> None:
    world, op = make(name, number, ragged=False)
    same(world.program({"y": op.out}), world.inputs)


@pytest.mark.parametrize("name", ["bias", "expand", "expand_vjp", "mlp", "type_mask", "type_pair"])
def test_atoms_outside_the_model(name: str) -> None:
    """Type -1: no energy, no gradient, no pair."""
    for number in [i for n, i in PADDED if n == name]:
        world, op = make(name, number, ragged=False)
        if "ti" in world.inputs:
            world.inputs["ti"] = np.array([0, -1, 1], dtype=np.int32)
        same(world.program({"y": op.out}), world.inputs)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "softplus", "gelu", "relu", "relu6"])
def test_activations(activation: str) -> None:
    """Value and slope far out, where exp overflows, and at the kinks."""
    net = NetBank("net", "atom type", (1, 1, 2, 2), activation, True, True, DType.F64, 2, False)
    rng = np.random.default_rng(5)
    tensors = {name: rng.uniform(0.2, 1, kind.dims) for name, kind in net.tensors().items()}
    tensors |= {name: 0 * array for name, array in tensors.items() if name.endswith("0.bias")}
    x = np.array([-900.0, -40, -3, -1e-9, 0, 1e-9, 0.5, 6, 50, 900])[:, None]
    xi, ti = Input("x", ArrayType.parse("f64[n, 1]")), Input("ti", ArrayType.parse("i32[n]"))
    di = Input("d", ArrayType.parse("f64[n, 2]"))
    y, dx = Mlp(xi.out, ti.out, net), MlpVjp(di.out, xi.out, ti.out, net)
    graph = Graph("energy", (xi, ti, di), {"y": y.out, "dx": dx.out})
    program = Program("one", Facts(("O", "H"), 4.0, (1, 1)), {"energy": graph})
    program = program.with_graph(graph, tensors)
    types = (np.arange(len(x)) % 2).astype(np.int32)
    inputs = {"x": x, "ti": types, "d": rng.normal(size=(len(x), 2))}
    same(program, inputs)


def test_an_op_without_emitter_is_named() -> None:
    world, op = make("mlp_gradient", 0, ragged=False)
    program = world.program({"e": op.results[0]})
    with pytest.raises(InputError, match="no emitter for mlp_gradient"):
        to_onnx(program)


def test_a_ragged_list_is_refused() -> None:
    world, op = make("displacement", 0, ragged=True)
    with pytest.raises(InputError, match="Leave out pass exact_neighbors"):
        to_onnx(world.program({"r": op.out}))


def test_a_program_without_numbers_is_refused() -> None:
    world, op = make("bias", 0, ragged=False)
    program = world.program({"y": op.out})
    with pytest.raises(InputError, match="without numbers"):
        to_onnx(replace(program, store=type(program.store)()))
