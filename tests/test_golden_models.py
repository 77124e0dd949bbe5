"""Models of DeePMD-kit: our energies, forces and virials are its own.

The bundled cases always run; the whole suite and the water model run where the shared data are.
Every file format of a case is read, and both PyTorch and the lowered program are compared.
"""

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dpc.data.inputs import fold, graph_inputs
from dpc.frontend import load_model
from dpc.ir.evaluate import evaluate
from dpc.passes.pipeline import Pipeline
from tests.paths import DATA, SHARED, needs_shared

FORMATS = (".dp", ".pt", ".pth", ".pb")
WATER = SHARED / "models" / "water_se_e2_a"
QUANTITIES = {"energy", "force", "virial", "atom_energy", "atom_virial"}


def model_files(root: Path) -> list[Path]:
    """Every model file of every case that dpc compiles: se_e2_a with an energy fitting."""
    return [
        folder / f"model{suffix}"
        for folder in sorted(root.glob("*/"))
        if folder.name.startswith(("se_e2_a", "ener_", "tf_se_e2_a", "compress_se_e2_a"))
        and not folder.name.endswith("_tebd")
        for suffix in FORMATS
        if (folder / f"model{suffix}").exists()
    ]


BUNDLED = model_files(DATA / "golden")
ELSEWHERE = [
    file
    for file in model_files(SHARED / "golden")
    if not (DATA / "golden" / file.parent.name / file.name).exists()
]


def name_of(file: Path) -> str:
    return f"{file.parent.name}{file.suffix}"


@cache
def frames(folder: Path) -> list[tuple[str, dict, dict]]:
    """(group and number, inputs, outputs) of every frame of cases.npz."""
    with np.load(folder / "cases.npz") as data:
        arrays = dict(data)
    found = []
    for group in arrays["groups"]:
        for k in range(len(arrays[f"{group}.coord"])):
            one = {
                key: arrays[f"{group}.{key}"][k]
                for key in ("box", "coord", "fparam", "aparam", *QUANTITIES)
                if f"{group}.{key}" in arrays
            }
            inputs = {
                "coord": one["coord"],
                "types": arrays[f"{group}.atype"],
                "cell": one.get("box"),
                "fparam": one.get("fparam"),
                "aparam": one.get("aparam"),
            }
            found.append((f"{group}[{k}]", inputs, {q: one[q] for q in QUANTITIES}))
    return found


def compare(where: str, got: dict, expected: dict, tolerance: float) -> None:
    assert QUANTITIES <= got.keys()
    for name, value in expected.items():
        error = np.abs(got[name] - value) / np.maximum(1, np.abs(value))
        assert np.max(error) <= tolerance, f"{where}: {name} is off by {np.max(error):.2e}"


def evaluate_program(program, coord, types, cell, fparam, aparam) -> dict:
    """The reference evaluator on a differentiated program, images folded."""
    ragged = program.energy.input("nlist").type.ragged
    inputs, owner = graph_inputs(program.facts, coord, types, cell, fparam, aparam, ragged)
    out = evaluate(program, "energy", inputs)
    out["energy"] = out["atom_energy"].sum()
    for name in ("force", "atom_virial"):
        out[name] = fold(owner, out[name])
    return out


def check(file: Path, tolerance: float) -> None:
    model = load_model(file)
    program = Pipeline.parse("differentiate").run(model.lower())
    for where, inputs, expected in frames(file.parent):
        with warnings.catch_warnings():
            if file.parent.name == "se_e2_a_sel_overflow":
                warnings.simplefilter("ignore")
            compare(f"evaluate, {where}", model.evaluate(**inputs), expected, tolerance)
        compare(f"program, {where}", evaluate_program(program, **inputs), expected, tolerance)


def tolerance_of(file: Path) -> float:
    return 2e-5 if "float32" in file.parent.name else 1e-10


@pytest.mark.parametrize("file", BUNDLED, ids=name_of)
def test_bundled(file):
    check(file, tolerance_of(file))


@pytest.mark.parametrize("file", [f for f in BUNDLED if f.suffix == ".dp"], ids=name_of)
def test_exact_neighbors(file):
    """Every atom within rcut goes in; the program cuts the list as DeePMD-kit does."""
    pipeline = Pipeline.parse("canonicalize differentiate exact_neighbors")
    program = pipeline.run(load_model(file).lower())
    for where, inputs, expected in frames(file.parent):
        compare(where, evaluate_program(program, **inputs), expected, tolerance_of(file))


@needs_shared
@pytest.mark.parametrize("file", ELSEWHERE, ids=name_of)
def test_whole_suite(file):
    check(file, tolerance_of(file))


@needs_shared
def test_water():
    model = load_model(WATER / "model.dp")
    program = Pipeline.parse("differentiate").run(model.lower())
    with np.load(WATER / "cases.npz") as data:
        coord, box = data["water.coord"], data["water.box"]
        for k in range(len(coord)):
            expected = {q: data[f"water.{q}"][k] for q in QUANTITIES}
            inputs = (coord[k], data["water.atype"], box[k])
            compare(f"evaluate, frame {k}", model.evaluate(*inputs), expected, 1e-8)
        got = evaluate_program(program, *inputs, None, None)
        compare("program, last frame", got, expected, 1e-8)


@needs_shared
def test_water_float32():
    model = load_model(WATER / "model_float32.pth")
    with np.load(WATER / "cases.npz") as data:
        got = model.evaluate(data["water.coord"][0], data["water.atype"], data["water.box"][0])
        expected = {q: data[f"water.float32.{q}"][0] for q in QUANTITIES}
    compare("evaluate", got, expected, 2e-4)
