"""dpc opt, in process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.compiler.programs import lower, read_program, write_program
from dpc.errors import InputError
from dpc.ir.printer import to_text
from tests.programs import ZOO, program

Capture = pytest.CaptureFixture[str]
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
        (["--passes", "fuse", "--frames", "-1"], "cannot be negative", 2),
        (["--passes", "fuse", "-o", "zoo.pt"], "-o zoo.pt: the name of a program ends in .dpir", 2),
        (["--passes", "fuse", "-o", "/dev/null/o.dpir"], "/dev/null/o.dpir: cannot be written", 1),
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


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rcut 4.0", "rcut -4.0", "zoo.dpir: program zoo: rcut is -4.0, but must be positive"),
        ("rcut 4.0", "rcut 1e999", "rcut is inf, but must be positive"),
        ("sel ", "sel 7 ", "sel has 3 numbers for 2 types"),
        ("graph energy", "graph enrgy", "there is no graph 'energy', only enrgy"),
        ("program", "progam", "zoo.dpir:1:1: expected 'program', found 'progam'"),
        ("program", "\udcff", "zoo.dpir: not the text of a program: it is not UTF-8"),
    ],
)
@pytest.mark.parametrize("command", [["opt", "--passes", "canonicalize"], ["show"], ["check"]])
def test_a_wrong_program(
    file: Path, command: list[str], old: str, new: str, words: str, capsys: Capture
) -> None:
    """Every command that reads a .dpir checks it before it uses it."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1), errors="surrogateescape")
    assert main([*command, str(file)]) == 1
    assert words in capsys.readouterr().err


def test_the_programs_that_opt_writes_are_those_that_others_read(file: Path) -> None:
    """The numbers are in zoo.safetensors, also for compile, check and show."""
    again, _ = lower(file)
    assert all(np.array_equal(a, again.store[n]) for n, a in program().store.items())


def test_a_full_disk_leaves_what_was_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    real = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if ".safetensors" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="cannot be written .No space left on device"):
        write_program(file, program(ZOO["two_side"]))
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == before
