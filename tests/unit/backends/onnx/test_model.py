"""Whole programs: every model of the zoo, any number of atoms, and what a file says of itself."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest

from dpc.backends.onnx.model import OPSET, to_onnx
from dpc.data.inputs import graph_inputs
from dpc.ir.evaluate import evaluate
from dpc.ir.program import Program
from dpc.passes.pipeline import Pipeline
from dpc.passes.pipelines import default_pipeline
from tests.programs import ZOO, facts, program, samples
from tests.unit.backends.onnx.runtime import close, run, session

OUTPUTS = ["atom_energy", "force", "virial", "atom_virial"]


@cache
def exported(name: str) -> tuple[Program, onnx.ModelProto]:
    """A model of the zoo through pipeline onnx."""
    ready = Pipeline.parse(default_pipeline("onnx")).run(program(ZOO[name]))
    return ready, to_onnx(ready)


@pytest.mark.parametrize("name", ZOO)
def test_as_the_evaluator(name: str) -> None:
    ready, model = exported(name)
    for sample in samples(ZOO[name]):
        close(run(model, sample.inputs), evaluate(ready, "energy", sample.inputs), 1e-12)


@pytest.mark.parametrize(
    "passes",
    [
        "differentiate",
        "canonicalize widen symmetrize differentiate",
        "canonicalize widen symmetrize tabulate differentiate",
    ],
)
@pytest.mark.parametrize("name", ["two_side", "float32"])
def test_other_pipelines(name: str, passes: str) -> None:
    ready = Pipeline.parse(passes).run(program(ZOO[name]))
    (sample,) = samples(ZOO[name], count=1)
    narrow = name == "float32" and "widen" not in passes
    expected = evaluate(ready, "energy", sample.inputs)
    close(run(to_onnx(ready), sample.inputs), expected, 2e-5 if narrow else 1e-11)


def nothing(nall: int, nloc: int) -> dict[str, Any]:
    """Atoms without neighbours."""
    nnei = sum(ZOO["one_side"].sel)
    return {
        "coord": 9.0 * np.arange(3 * nall).reshape(nall, 3),
        "atype": (np.arange(nall) % 2).astype(np.int32),
        "nlist": np.full((nloc, nnei), -1, dtype=np.int32),
    }


def test_any_number_of_atoms() -> None:
    """One session: no atom, one, lonely ones, ghosts nobody sees, a crowd."""
    ready, model = exported("one_side")
    live = session(model)
    crowds = [sample.inputs for n in (2, 12, 64) for sample in samples(count=1, natoms=n)]
    for inputs in [nothing(0, 0), nothing(1, 1), nothing(5, 5), nothing(7, 4), *crowds]:
        close(run(live, inputs), evaluate(ready, "energy", inputs), 1e-12)


def test_atoms_outside_the_model() -> None:
    """Type -1: no energy, and nobody's neighbour."""
    ready, model = exported("three_types")
    (sample,) = samples(ZOO["three_types"], count=1)
    inputs = dict(sample.inputs)
    atype = inputs["atype"].copy()
    atype[0] = -1
    inputs["atype"] = atype
    inputs["nlist"] = np.where(inputs["nlist"] == 0, -1, inputs["nlist"]).astype(np.int32)
    got = run(model, inputs)
    close(got, evaluate(ready, "energy", inputs), 1e-12)
    assert got["atom_energy"][0] == 0


def test_several_threads() -> None:
    """With threads ONNX Runtime's ScatterND now and then loses what it should add: none is here."""
    ready, model = exported("one_side")
    assert "ScatterND" not in {node.op_type for node in model.graph.node}
    coord = np.random.default_rng(2).uniform(0, 3.4, (300, 3))  # everyone near everyone
    inputs, _ = graph_inputs(facts(ZOO["one_side"]), coord, np.arange(300) % 2)
    close(run(session(model, threads=4), inputs), evaluate(ready, "energy", inputs), 1e-9)


def test_the_file_says_what_it_is() -> None:
    _, model = exported("fparam_aparam")
    onnx.checker.check_model(model, full_check=True)
    assert [(i.domain, i.version) for i in model.opset_import] == [("", OPSET)]
    assert {node.domain for node in model.graph.node} == {""}
    assert {p.key: p.value for p in model.metadata_props} == {
        "type_map": "O H",
        "rcut": "4.0",
        "sel": "9 14",
        "fparam": "2",
        "aparam": "1",
        "units": "length angstrom, energy eV, force eV/angstrom, virial eV",
        "min_nbor_dist": "0.9",
    }
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "coord": ["nall", 3],
        "atype": ["nall"],
        "nlist": ["nloc", 23],
        "fparam": [2],
        "aparam": ["nloc", 1],
        "atom_energy": ["nloc"],
        "force": ["nall", 3],
        "virial": [3, 3],
        "atom_virial": ["nall", 3, 3],
    }
    assert all(value.doc_string for value in [*model.graph.input, *model.graph.output])
    assert all(i.data_type != onnx.TensorProto.FLOAT for i in model.graph.initializer)


def test_same_program_same_bytes() -> None:
    ready, model = exported("two_side")
    assert to_onnx(ready).SerializeToString() == model.SerializeToString()


def test_each_weight_is_there_once() -> None:
    """Forward and adjoint share weights and forward values."""
    ready, model = exported("one_side")
    numbers = sum(array.nbytes for array in ready.store.values())
    stored = sum(len(i.raw_data) for i in model.graph.initializer)
    assert stored < numbers + 1000
    tanh = [node for node in model.graph.node if node.op_type == "Tanh"]
    nets = ready.banks.values()
    hidden = [layer for net in nets for layer in net.layers if layer.activation == "tanh"]
    assert len(tanh) == 2 * len(hidden)  # two nets in each bank
