"""dpc export, in process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dpc.cli.main import main
from dpc.frontend.importers import write_model
from tests.unit.frontend.zoo import random_file

onnx = pytest.importorskip("onnx", reason="needs onnx")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_model(random_file(), tmp_path / "zoo.pt")
    return tmp_path / "zoo.pt"


def test_export(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(model)]) == 0
    assert capsys.readouterr().out == "zoo.onnx\n"
    found = onnx.load("zoo.onnx")
    assert found.graph.name == "zoo" and found.producer_name == "dpc"
    outputs = [output.name for output in found.graph.output]
    assert outputs == ["atom_energy", "force", "virial", "atom_virial"]
    assert sorted(path.name for path in model.parent.iterdir()) == ["zoo.onnx", "zoo.pt"]


def test_fitting_and_passes(model: Path) -> None:
    passes = "canonicalize widen symmetrize"
    for k, options in enumerate([[], ["--passes", passes]]):
        command = ["export", str(model), "--fitting", "O", "-o", f"{k}.onnx", *options]
        assert main(command) == 0
    full, half = (onnx.load(f"{k}.onnx").graph.input[0].type.tensor_type.shape for k in (0, 1))
    assert half.dim[1].dim_value < full.dim[1].dim_value


def test_a_model_is_not_overwritten(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = model.read_bytes()
    assert main(["export", "zoo.pt", "-o", "zoo.pt"]) == 2
    assert "the name of an ONNX file ends in .onnx" in capsys.readouterr().err
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["."], "Export the model file that the package was made of"),
        (["none.pt"], "no such file"),
        (["zoo.pt", "-o", "no/where.onnx"], "expected a file in an existing folder"),
        (["zoo.pt", "--fitting", "Xe"], "has no type 'Xe'"),
        (["zoo.pt", "--passes", "canonicalize differentiate exact_neighbors"], "exact_neighbors"),
    ],
)
def test_errors(
    model: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *options]) == 1
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in model.parent.iterdir()) == ["zoo.pt"]


def test_without_onnx(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [n for n in sys.modules if n.startswith("dpc.backends.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(model)]) == 3
    assert "pip install 'dpc[onnx]'" in capsys.readouterr().err
