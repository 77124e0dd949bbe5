"""Compiled packages give the energies and forces of the models they were made from.

The bundled reference models always run; the whole suite and the water model run where the
shared data are.
"""

import os
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from dpc.errors import InputError
from tests.paths import DATA, SHARED, needs_shared

pytest.importorskip("tvm")
pytest.importorskip("torch")

from dpc.compiler.compile import compile_model  # noqa: E402
from dpc.frontend import Model, load_model  # noqa: E402
from dpc.frontend.importers import read_model  # noqa: E402
from dpc.md import Potential  # noqa: E402
from dpc.package.read import open_package  # noqa: E402
from dpc.targets import parse_target  # noqa: E402
from dpc.targets.cpu import runs_here  # noqa: E402

QUANTITIES = ("energy", "force", "virial", "atom_energy", "atom_virial")
WATER = SHARED / "models" / "water_se_e2_a"
PLAIN = "canonicalize widen symmetrize tabulate differentiate exact_neighbors fuse memory"


def cases(root: Path) -> list[Path]:
    """Folders of reference models that dpc compiles."""
    names = ("se_e2_a*", "ener_*", "tf_se_e2_a")
    found = sorted(folder for name in names for folder in root.glob(name))
    return [folder for folder in found if not folder.name.endswith("_tebd")]


BUNDLED = cases(DATA / "golden")
OTHERS = [f for f in cases(SHARED / "golden") if not (DATA / "golden" / f.name).exists()]


def model_file(folder: Path) -> Path:
    return next(f for f in (folder / "model.dp", folder / "model.pb") if f.exists())


def frames(folder: Path):
    """(group, arguments of evaluate) of every frame."""
    with np.load(folder / "cases.npz") as data:
        arrays = dict(data)
    for group in arrays["groups"]:
        for k in range(len(arrays[f"{group}.coord"])):
            cell, fparam, aparam = (
                arrays[f"{group}.{name}"][k] if f"{group}.{name}" in arrays else None
                for name in ("box", "fparam", "aparam")
            )
            cell = None if cell is None else cell.reshape(3, 3)
            coord = arrays[f"{group}.coord"][k].reshape(-1, 3)
            yield str(group), (coord, arrays[f"{group}.atype"], cell, fparam, aparam)


def worst(potential, model, folder: Path) -> dict[str, float]:
    """Largest difference of any quantity in each group, eV and Å; relative where above 1."""
    found: dict[str, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sel, from both
        for group, frame in frames(folder):
            got, expected = potential.evaluate(*frame), model.evaluate(*frame)
            for name in QUANTITIES:
                error = np.abs(np.asarray(got[name]) - expected[name])
                error = (error / np.maximum(1, np.abs(expected[name]))).max(initial=0)
                found[group] = max(found.get(group, 0.0), float(error))
    return found


def widened(path: Path):
    """The same numbers as a float64 model."""
    data = read_model(path)
    for part in ("descriptor", "fitting_net"):
        data.config[part]["precision"] = "float64"
    for name, array in data.tensors.items():
        data.tensors[name] = np.asarray(array, np.float64)
    return Model.from_file_data(data)


@pytest.mark.parametrize("folder", BUNDLED + OTHERS, ids=lambda folder: folder.name)
def test_agrees_with_the_model(folder, tmp_path):
    path = model_file(folder)
    package = compile_model(path, out=tmp_path / "m.dpc")
    potential, model = Potential(package), load_model(path)
    errors = worst(potential, model, folder)
    if model.config["descriptor"]["precision"] == "float32":
        assert max(errors.values()) < 2e-5, errors
        errors = worst(potential, widened(path), folder)
    assert max(errors.values()) < 1e-8, errors


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
def test_float32_agrees_with_the_model(folder, tmp_path):
    package = compile_model(model_file(folder), out=tmp_path / "m.dpc", precision="f32")
    assert open_package(package).manifest.target["precision"] == "f32"
    errors = worst(Potential(package), load_model(model_file(folder)), folder)
    del errors["close"]  # nearer than the default table reaches
    assert max(errors.values()) < 1e-4, errors


@pytest.mark.skipif(not runs_here(parse_target("cpu:x86-64-v3")), reason="needs x86-64-v3")
def test_a_package_for_several_processors(tmp_path):
    folder = DATA / "golden" / "se_e2_a"
    target = "cpu:x86-64-v2,x86-64-v3"
    package = compile_model(model_file(folder), target, tmp_path / "m.dpc")
    said = open_package(package).manifest.target
    assert said["arch"] == "x86-64-v2" and said["levels"] == ["x86-64-v2", "x86-64-v3"]
    errors = worst(Potential(package), load_model(model_file(folder)), folder)
    assert max(errors.values()) < 1e-8, errors
    if shutil.which("readelf"):
        assert exported(package) == ["dpc_model_entry"]


@cache
def water(folder: Path, precision: str) -> Path:
    return compile_model(WATER / "model.dp", out=folder / "water.dpc", precision=precision)


@pytest.fixture(scope="module")
def water_package(tmp_path_factory):
    return water(tmp_path_factory.mktemp("water"), "f64")


def water_errors(package: Path) -> dict[str, np.ndarray]:
    """Differences from what DeePMD-kit gave for water: quantity to all its numbers."""
    potential = Potential(package)
    with np.load(WATER / "cases.npz") as data:
        expected = dict(data)
    found: dict[str, list[np.ndarray]] = {name: [] for name in QUANTITIES}
    for _, (coord, types, cell, _, _) in frames(WATER):
        k = next(k for k, c in enumerate(expected["water.coord"]) if np.allclose(c, coord.ravel()))
        got = potential.evaluate(coord, types, cell)
        for name in QUANTITIES:
            wanted = expected[f"water.{name}"][k].reshape(np.shape(got[name]))
            found[name].append(np.ravel(got[name] - wanted))
    return {name: np.concatenate(differences) for name, differences in found.items()}


@needs_shared
def test_water_agrees_with_deepmd_kit(water_package):
    """Compressed, as by default."""
    names = {op.name for op in open_package(water_package).program().energy.body()}
    assert "outer_pairs_vjp" in names
    errors = water_errors(water_package)
    assert np.abs(errors["force"]).max() < 1e-7
    assert np.abs(errors["energy"]).max() < 1e-9 * 192
    assert np.abs(errors["virial"]).max() < 1e-5


@needs_shared
def test_water_without_a_basis_agrees_with_deepmd_kit(tmp_path):
    package = compile_model(WATER / "model.dp", out=tmp_path / "water.dpc", passes=PLAIN)
    for name, error in water_errors(package).items():
        assert np.abs(error).max() < 1e-7, name


@needs_shared
@pytest.mark.parametrize(
    ("precision", "force", "energy"), [("f32", 1e-5, 3e-6), ("mixed", 1e-3, 3e-4)]
)
def test_water_in_lower_precision(tmp_path, precision, force, energy):
    """rms of forces, eV/Å, and the energy of an atom, eV, compiled without data."""
    errors = water_errors(water(tmp_path, precision))
    assert np.sqrt(np.mean(errors["force"] ** 2)) < force
    assert np.abs(errors["energy"]).max() < energy * 192


@needs_shared
def test_water_is_small(water_package):
    size = sum(file.stat().st_size for file in water_package.rglob("*") if file.is_file())
    assert size < 6_000_000


def test_the_same_input_gives_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    path = DATA / "golden" / "se_e2_a" / "model.dp"
    folders = [tmp_path / "here", tmp_path / "there" / "and" / "further"]
    packages = []
    for folder in folders:
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        packages.append(folder / compile_model(path, out=f"{folder.name}.dpc"))
    first, second = ({f.relative_to(p): f.read_bytes() for f in files(p)} for p in packages)
    assert first == second
    program = open_package(packages[0]).program()
    assert set(program.tensors()) <= set(program.store)


def files(package: Path) -> list[Path]:
    return [f for f in sorted(package.rglob("*")) if f.is_file()]


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A small package."""
    out = tmp_path_factory.mktemp("small") / "small.dpc"
    return compile_model(DATA / "golden" / "se_e2_a" / "model.dp", out=out)


@pytest.mark.skipif(shutil.which("ldd") is None, reason="needs ldd")
def test_host_so_needs_nothing_but_libc(package):
    done = subprocess.run(
        ["ldd", package / "bin" / "host.so"], capture_output=True, text=True, check=True
    )
    names = {line.split()[0].split("/")[-1].split(".")[0] for line in done.stdout.splitlines()}
    assert names <= {"linux-vdso", "libc", "libm", "ld-linux-x86-64", "ld-linux-aarch64"} | {
        "statically"
    }, done.stdout


def exported(package: Path) -> list[str]:
    """The symbols that can be seen from outside."""
    table = subprocess.run(
        ["readelf", "--dyn-syms", "-W", package / "bin" / "host.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in table.splitlines() if line.strip()[:1].isdigit()]
    return [row[7] for row in rows if row[4] in ("GLOBAL", "WEAK") and row[6] != "UND"]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_host_so_exports_one_symbol_and_no_path(package):
    assert exported(package) == ["dpc_model_entry"]
    host = package / "bin" / "host.so"
    content = host.read_bytes()
    assert os.fsencode(os.getcwd()) not in content and b"/tmp" not in content
    sections = subprocess.run(
        ["readelf", "-d", "-n", "-W", host], capture_output=True, text=True, check=True
    ).stdout
    assert "RPATH" not in sections and "RUNPATH" not in sections and "Build ID" not in sections


def test_program_reads_back_with_its_numbers(package):
    program = open_package(package).program()
    samples = [frame for _, frame in frames(DATA / "golden" / "se_e2_a")]
    from dpc.data.inputs import graph_inputs
    from dpc.ir.evaluate import evaluate

    coord, types, cell, _, _ = samples[0]
    inputs, _ = graph_inputs(program.facts, coord, types, cell, ragged=True)
    energy = evaluate(program, "energy", inputs)["atom_energy"]
    got = Potential(package).evaluate(coord, types, cell)["atom_energy"]
    np.testing.assert_allclose(got, energy, atol=1e-12)


def test_a_wrong_destination_is_refused_before_any_work(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="will not be overwritten"):
        compile_model("no such model", out=tmp_path / "mine")


def test_an_interrupted_compile_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("dpc.backends.cpu.build.compile_shared", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compile_model(DATA / "golden" / "se_e2_a" / "model.dp", out=tmp_path / "m.dpc")
    assert os.listdir(tmp_path) == []
