"""dpc compile, show and check, as a user types them."""

import json

import pytest

from dpc.cli.main import main
from dpc.package.read import open_package
from tests.paths import DATA

pytest.importorskip("tvm")
pytest.importorskip("torch")

MODEL = str(DATA / "golden" / "se_e2_a" / "model.dp")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    out, temps = folder / "small.dpc", folder / "temps"
    arguments = ["compile", MODEL, "-o", str(out), "--save-temps", str(temps)]
    assert main(arguments) == 0
    return out


def test_temps_hold_every_stage(package):
    names = {path.name for path in (package.parent / "temps").iterdir()}
    assert {"00-lowered.dpir", "09-fuse.dpir", "plan.c", "kernels.o", "kernels.h"} <= names


def test_manifest_says_what_it_is(package):
    manifest = open_package(package).manifest
    assert manifest.model["type_map"] == ["O", "H"]
    assert manifest.model["outputs"] == ["energy", "force", "virial", "atom_energy", "atom_virial"]
    assert len(manifest.model["source_sha256"]) == 64
    assert manifest.target["kind"] == "cpu" and manifest.target["precision"] == "f64"
    assert sorted(manifest.files) == [
        "bin/host.so",
        "params.safetensors",
        "program.dpir",
        "report.html",
        "report.json",
    ]


def test_report_holds_measured_errors_and_no_clock(package):
    report = json.loads(open_package(package).read("report.json"))
    passes = {one["name"]: one for one in report["passes"]}
    assert 0 < passes["tabulate"]["errors"]["force"]["max"] < 1e-7
    assert report["frames"] > 0 and report["build"]["tile_atoms"] > 0
    assert "seconds" not in str(report)


def test_progress_on_stderr_and_the_path_on_stdout(tmp_path, capsys):
    out = tmp_path / "again.dpc"
    arguments = ["compile", MODEL, "-o", str(out), "--print-after", "fuse", "--report"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == str(out)
    assert "env_contract" in said.out and "params.safetensors" in said.out
    for step in ("read the model", "tabulate", "build for cpu:", "total"):
        assert step in said.err


def test_show_a_package_a_program_and_a_model(package, capsys):
    assert main(["show", str(package)]) == 0
    shown = capsys.readouterr().out
    for words in ("types O H", "table embedding", "net fitting", "bin/host.so", "tabulate"):
        assert words in shown
    assert main(["show", "--program", str(package / "program.dpir")]) == 0
    assert "graph energy(" in capsys.readouterr().out
    assert main(["show", MODEL]) == 0
    assert "net embedding: 2 by neighbor type" in capsys.readouterr().out


def test_show_finds_damage(package, tmp_path, capsys):
    import shutil

    copy = tmp_path / "copy.dpc"
    shutil.copytree(package, copy)
    host = copy / "bin" / "host.so"
    host.write_bytes(host.read_bytes()[:-1] + b"?")
    assert main(["show", str(copy)]) == 1
    assert "bin/host.so is damaged" in capsys.readouterr().err


def test_check(capsys):
    assert main(["check", MODEL, "--target", "cpu:x86-64-v2"]) == 0
    assert "cpu:x86-64-v2 takes" in capsys.readouterr().out
    assert main(["check", MODEL, "--passes", "canonicalize"]) == 1
    said = capsys.readouterr().out
    assert "has no output force" in said and "no code for op env_matrix" in said


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["compile", "nothing.pt"], 1, "nothing.pt: no such file"),
        (["compile", MODEL, "--target", "cpo"], 2, "Did you mean"),
        (["compile", MODEL, "--passes", "tabulat"], 2, "Did you mean 'tabulate'"),
        (["compile", MODEL, "--print-after", "fusee"], 2, "Did you mean 'fuse'"),
        (["compile", MODEL, "-o", "no/where.dpc"], 1, "does not exist"),
        (["compile", MODEL, "--data", "nowhere"], 1, "nowhere: no such folder"),
        (["show", "nothing"], 1, "nothing: no such file or folder"),
        (["show", "."], 1, "not a package"),
    ],
)
def test_errors_say_what_to_do(arguments, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_temps_are_kept_when_the_compiler_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", "false")
    out, temps = tmp_path / "m.dpc", tmp_path / "temps"
    assert main(["compile", MODEL, "-o", str(out), "--save-temps", str(temps)]) == 3
    assert "--save-temps" in capsys.readouterr().err
    assert (temps / "plan.c").exists() and not out.exists()
