"""The fitting net alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from dpc.backends.onnx.fitting import export_fitting
from dpc.errors import InputError
from dpc.ir.evaluate import evaluate
from dpc.ir.ops.net import Mlp
from dpc.ir.program import Program
from tests.programs import ZOO, program, samples
from tests.unit.backends.onnx.runtime import run


def with_descriptor(whole: Program) -> Program:
    """The program, returning also what its fitting net reads."""
    (fitting,) = (op for op in whole.energy.find(Mlp) if not op.scalar)
    outputs = {**whole.energy.outputs, "descriptor": fitting.x}
    return whole.with_graph(replace(whole.energy, outputs=outputs))


@pytest.mark.parametrize("name", ["one_side", "resnet_dt", "fparam_aparam", "atom_exclude"])
def test_energy_of_the_descriptor(name: str) -> None:
    whole = program(ZOO[name])
    (sample,) = samples(ZOO[name], count=1)
    found = evaluate(with_descriptor(whole), "energy", sample.inputs)
    types = sample.inputs["atype"][: len(found["atom_energy"])]
    known = [t for t in range(2) if t not in ZOO[name].atom_exclude_types]
    for t in known:
        model = export_fitting(whole, whole.facts.type_map[t])
        got = run(model, {"descriptor": found["descriptor"][types == t]})
        error = np.abs(got["energy"][:, 0] - found["atom_energy"][types == t])
        assert error.max() < 1e-13


def test_a_plain_dense_net() -> None:
    """What hls4ml and its kin read: no gathers, no masks, nothing dynamic but the rows."""
    model = export_fitting(program(), "H")
    kinds = [node.op_type for node in model.graph.node]
    layer = ["MatMul", "Add", "Tanh"]
    assert kinds == [*layer, *layer, "Add", "MatMul", "Add", "Identity"]
    onnx.checker.check_model(model, full_check=True)
    assert {p.key: p.value for p in model.metadata_props}["type"] == "H"


def test_errors() -> None:
    with pytest.raises(InputError, match=r"no type 'h'.* It knows O H"):
        export_fitting(program(), "h")
    with pytest.raises(InputError, match="atoms of type H are left out: their energy is 0"):
        export_fitting(program(ZOO["atom_exclude"]), "H")
