"""ONNX Runtime evaluates exported models: its results are DeePMD-kit's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from dpc.backends.onnx.model import to_onnx
from dpc.data.inputs import fold, graph_inputs
from dpc.frontend import load_model
from dpc.ir.program import Facts, Program
from dpc.passes.pipeline import Pipeline
from dpc.passes.pipelines import default_pipeline
from tests.paths import DATA, SHARED, needs_shared
from tests.test_golden_models import QUANTITIES, WATER, compare, frames, model_files
from tests.unit.backends.onnx.runtime import run, session


def one_for_each_case(root: Path) -> dict[str, Path]:
    """A model file of every case: they hold the same numbers."""
    return {file.parent.name: file for file in reversed(model_files(root))}


BUNDLED = one_for_each_case(DATA / "golden")
CASES = BUNDLED | {
    k: v for k, v in one_for_each_case(SHARED / "golden").items() if k not in BUNDLED
}


def through_onnx(file: Path) -> tuple[Program, onnxruntime.InferenceSession]:
    """A model file's program, and the session of its export."""
    program = Pipeline.parse(default_pipeline("onnx")).run(load_model(file).lower())
    return program, session(to_onnx(program))


def energies_and_forces(
    facts: Facts, live: onnxruntime.InferenceSession, *frame: Any
) -> dict[str, Any]:
    """What a user gets: energies summed, images folded."""
    inputs, owner = graph_inputs(facts, *frame)
    out: dict[str, Any] = run(live, inputs)
    out["energy"] = out["atom_energy"].sum()
    return out | {name: fold(owner, out[name]) for name in ("force", "atom_virial")}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    """One model file serves every group: periodic, open, tiny, a single atom."""
    program, live = through_onnx(CASES[name])
    tolerance = 2e-5 if "float32" in name else 1e-9
    for where, inputs, expected in frames(CASES[name].parent):
        frame = (inputs[key] for key in ("coord", "types", "cell", "fparam", "aparam"))
        compare(where, energies_and_forces(program.facts, live, *frame), expected, tolerance)


@needs_shared
def test_water() -> None:
    program, live = through_onnx(WATER / "model.dp")
    with np.load(WATER / "cases.npz") as data:
        frame = (data["water.coord"][0], data["water.atype"], data["water.box"][0])
        expected = {q: data[f"water.{q}"][0] for q in QUANTITIES}
    compare("water", energies_and_forces(program.facts, live, *frame), expected, 1e-9)
