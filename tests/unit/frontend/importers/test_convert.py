"""dpc convert, as a user types it."""

import subprocess
import sys
from pathlib import Path

import pytest

from dpc.cli.main import main
from dpc.frontend.importers import read_model
from tests.paths import DATA

MODELS = DATA / "models"


@pytest.mark.parametrize("suffix", ["pt", "dp", "yaml"])
def test_convert(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / f"model.{suffix}"
    assert main(["convert", str(MODELS / "tf_se_e2_a.pb"), str(out)]) == 0
    assert "se_e2_a, types O H, rcut 4.0 Å" in capsys.readouterr().out
    assert read_model(out).config == read_model(MODELS / "tf_se_e2_a.dp").config


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(tmp_path / "none.pb"), str(tmp_path / "m.pt")]) == 1
    assert "none.pb: cannot be read" in capsys.readouterr().err
    assert main(["convert", str(MODELS / "se_e2_a.dp"), str(tmp_path / "m.pb")]) == 2
    assert "dpc writes .pt, .dp, .yaml" in capsys.readouterr().err
    assert main(["convert", str(tmp_path), str(tmp_path / "m.pt")]) == 1
    assert "a folder, not a model file" in capsys.readouterr().err


def test_what_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A training checkpoint is called model.pt, too."""
    out = tmp_path / "model.pt"
    out.write_text("precious")
    command = ["convert", str(MODELS / "se_e2_a.dp"), str(out)]
    assert main(command) == 1 and out.read_text() == "precious"
    assert "model.pt exists. Give another name, or --force" in capsys.readouterr().err
    assert main([*command, "--force"]) == 0
    assert read_model(out).config["type_map"] == ["O", "H"]


def test_reading_needs_no_torch() -> None:
    """Nor DeePMD-kit nor TensorFlow: every format is read without importing them."""
    names = ["se_e2_a.dp", "se_e2_a.pt", "se_e2_a.pth", "tf_se_e2_a.pb"]
    code = (
        "import sys; from dpc.frontend.importers import read_model\n"
        f"for name in {names}: read_model(r'{MODELS}/' + name)\n"
        "print(sorted({'torch', 'tensorflow', 'deepmd'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
