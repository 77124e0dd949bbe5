"""dpc opt, in process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.cli.opt import read_program, write_program
from dpc.ir.printer import to_text
from tests.programs import program

CPU = "canonicalize widen symmetrize tabulate differentiate exact_neighbors fuse memory"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_program(tmp_path / "zoo.dpir", program())
    return tmp_path / "zoo.dpir"


def test_write_and_read(file: Path) -> None:
    again = read_program(file)
    assert to_text(again) == to_text(program())
    assert all(np.array_equal(a, again.store[n]) for n, a in program().store.items())


def test_output_and_report(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = file.parent / "deep" / "out.dpir"
    assert main(["opt", str(file), "--passes", CPU, "--frames", "1", "-o", str(out)]) == 0
    assert "env_contract_vjp" in out.read_text() and "memory" in out.read_text()
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == len(CPU.split())
    assert "pad" in read_program(out).store


def test_prints_without_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", str(file), "--passes", "canonicalize", "--frames", "0"]) == 0
    assert capsys.readouterr().out == to_text(program())


def test_print_after(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passes = "symmetrize differentiate"
    main(["opt", str(file), "--passes", passes, "--frames", "0", "--print-after", "symmetrize"])
    shown = capsys.readouterr().out
    assert shown.startswith("// after pass 1, symmetrize\n") and "scatter_force" not in shown
    main(["opt", str(file), "--passes", passes, "--frames", "0", "--print-after", "all"])
    assert "// after pass 2, differentiate" in capsys.readouterr().out


def test_save_temps(file: Path) -> None:
    folder = file.parent / "temps"
    passes = ["opt", str(file), "--passes", "symmetrize differentiate", "--frames", "0"]
    assert main([*passes, "--save-temps", str(folder), "-o", str(file.parent / "o.dpir")]) == 0
    found = sorted(path.name for path in folder.glob("*.dpir"))
    assert found == ["01-symmetrize.dpir", "02-differentiate.dpir"]
    assert read_program(folder / "02-differentiate.dpir").banks["fitting"].widths[0] == 21


def test_without_numbers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.with_suffix(".safetensors").unlink()
    assert main(["opt", str(file), "--passes", "symmetrize differentiate"]) == 0
    assert main(["opt", str(file), "--passes", "tabulate"]) == 1
    assert "tensor 'mean' is missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words", "code"),
    [
        (["--passes", "tabulat"], "Did you mean 'tabulate'", 2),
        (["--passes", "fuse", "--print-after", "fus"], "Did you mean 'fuse'", 2),
        (["--passes", "fuse", "--params", "nowhere"], "nowhere: no such file", 1),
    ],
)
def test_errors(
    file: Path, options: list[str], words: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["opt", str(file), *options]) == code
    assert words in capsys.readouterr().err


def test_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["opt", "nowhere.dpir", "--passes", "fuse"]) == 1
    assert "nowhere.dpir: no such file" in capsys.readouterr().err
