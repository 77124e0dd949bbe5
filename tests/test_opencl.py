"""Packages for OpenCL give the energies and forces of the models they were made from.

PoCL runs the kernels on the processor: the same text that GPUs run, all in double or in float.
"""

import json

import numpy as np
import pytest

from dpc.compiler.compile import compile_model
from dpc.data.inputs import graph_inputs
from dpc.errors import DpcError
from dpc.ir.evaluate import evaluate
from dpc.md import Potential
from dpc.package.read import open_package
from tests.gpu_on_cpu import has_opencl
from tests.paths import DATA, needs_shared
from tests.test_compiled import (
    BUNDLED,
    OTHERS,
    WATER,
    load_model,
    model_file,
    water_errors,
    widened,
    worst,
)  # fmt: skip

pytestmark = pytest.mark.skipif(
    not has_opencl(),
    reason="no OpenCL platform: apt-get install pocl-opencl-icd ocl-icd-libopencl1",
)


@pytest.mark.parametrize("folder", BUNDLED + OTHERS, ids=lambda folder: folder.name)
def test_agrees_with_the_model(folder, tmp_path):
    path = model_file(folder)
    package = compile_model(path, "opencl", tmp_path / "m.dpc")
    model = load_model(path)
    if model.config["descriptor"]["precision"] == "float32":
        model = widened(path)
    errors = worst(Potential(package), model, folder)
    assert max(errors.values()) < 1e-8, errors


def slow_but_one(folder):
    """Each takes seconds to compile: one in every run, the others in make test-all."""
    marks = () if folder.name == "ener_fparam_aparam" else pytest.mark.slow
    return pytest.param(folder, marks=marks, id=folder.name)


@pytest.mark.parametrize("folder", map(slow_but_one, BUNDLED + OTHERS))
def test_float32_agrees_with_the_model(folder, tmp_path):
    package = compile_model(model_file(folder), "opencl", tmp_path / "m.dpc", precision="f32")
    assert open_package(package).manifest.target["precision"] == "f32"
    errors = worst(Potential(package), load_model(model_file(folder)), folder)
    assert max(errors.values()) < 2e-5, errors


def test_mixed_rounds_as_the_program_says(tmp_path):
    """Hidden layers in bfloat16: the evaluator of the program rounds the same numbers."""
    folder = DATA / "golden" / "se_e2_a"
    package = compile_model(model_file(folder), "opencl", tmp_path / "m.dpc", precision="mixed")
    program = open_package(package).program()
    assert open_package(package).manifest.target["precision"] == "mixed"
    coord, types, cell = system()
    inputs, _ = graph_inputs(program.facts, coord, types, cell, ragged=True)
    expected = evaluate(program, "energy", inputs)["atom_energy"]
    with pytest.warns(RuntimeWarning, match="sel"):
        got = Potential(package).evaluate(coord, types, cell)
    np.testing.assert_allclose(got["atom_energy"], expected, rtol=0, atol=2e-5)
    plain = load_model(model_file(folder)).evaluate(coord, types, cell)["atom_energy"]
    assert np.abs(got["atom_energy"] - plain).max() > 2e-5  # it did round


@needs_shared
@pytest.mark.parametrize("precision, bound", [("f64", 1e-7), ("f32", 2e-5)])
def test_water_agrees_with_deepmd_kit(precision, bound, tmp_path):
    package = compile_model(WATER / "model.dp", "opencl", tmp_path / "w.dpc", precision=precision)
    errors = water_errors(package)
    assert np.sqrt(np.mean(errors["force"] ** 2)) < bound
    assert np.abs(errors["energy"]).max() < bound * 192


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small package."""
    out = tmp_path_factory.mktemp("opencl") / "small.dpc"
    return compile_model(DATA / "golden" / "se_e2_a" / "model.dp", "opencl", out)


def system(seed=1, n=64):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3)[:n] * 2.2
    return grid + rng.normal(0, 0.15, grid.shape), rng.integers(0, 2, n), np.eye(3) * 8.8


def test_the_same_bits_every_time_and_no_force_on_the_whole(small):
    """Whole numbers are added up, so no order of the threads shows."""
    one = Potential(small).evaluate(*system())
    two = Potential(small).evaluate(*system())
    for name, value in one.items():
        assert np.array_equal(value, two[name]), name
    total = np.abs(one["force"].sum(axis=0))
    assert total.max() < 1e-10 and np.abs(one["force"]).max() > 1e-2


def test_the_kernels_are_source_in_the_package(small):
    manifest = open_package(small).manifest
    assert manifest.target["kind"] == "opencl" and "bin/kernels.cl" in manifest.files
    assert (small / "bin" / "kernels.cl").read_text().count("__kernel") > 0


def test_atoms_at_one_place_are_named(small):
    coord, types, cell = system()
    coord[3] = coord[7]
    with pytest.raises(Exception, match="atoms 3 and 7"):
        Potential(small).evaluate(coord, types, cell)


def test_a_limit_of_memory_changes_no_bit(small):
    """With less and less memory the centres are taken in more and more chunks."""
    report = json.loads((small / "report.json").read_text())["build"]
    tensors = sum(report["tensors"].values())
    whole = Potential(small).evaluate(*system())
    limits = []
    with pytest.raises(DpcError, match="not enough memory on .* 64 atoms"):
        for limit in range(tensors + 900_000, tensors, -60_000):
            found = Potential(small, device_bytes=limit).evaluate(*system())
            limits.append(limit)
            for name in ("force", "atom_energy", "atom_virial"):
                assert np.array_equal(found[name], whole[name]), (limit, name)
    chunk = 32 * report["bytes_per_center"]  # all centres of one type
    assert limits[0] - limits[-1] > chunk / 2
