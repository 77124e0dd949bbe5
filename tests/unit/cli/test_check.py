"""dpc check: the prediction, as a user types it, without a compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dpc.cli.main import main
from tests.paths import DATA

pytest.importorskip("torch")

MODEL = str(DATA / "golden" / "se_e2_a" / "model.dp")
PASSES = "canonicalize widen tabulate differentiate exact_neighbors fuse memory"


def test_prediction_for_another_machine(capsys) -> None:
    command = ["check", MODEL, "--target", "cpu:aarch64", "--atoms", "1536", "--passes", PASSES]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"cpu:aarch64 takes {MODEL}: types O H")
    for words in ("all passes", "assumed: 3 GHz", "1,536 atoms", "a step of 1,536 atoms: "):
        assert words in shown


def test_problems_of_the_backend(capsys) -> None:
    assert main(["check", MODEL, "--passes", "canonicalize widen tabulate"]) == 1
    assert "has no output force" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [(["--atoms", "0"], "--atoms is 0"), (["--max-force-error", "-1"], "must be positive")],
)
def test_wrong_options(options: list[str], words: str, capsys) -> None:
    assert main(["check", MODEL, *options]) == 2
    assert words in capsys.readouterr().err


def test_no_compiler_framework_is_loaded() -> None:
    code = (
        "import sys; from dpc.cli.main import main; "
        f"assert main(['check', {MODEL!r}, '--target', 'cpu:x86-64-v2', '--passes', {PASSES!r}]) "
        "== 0; assert 'tvm' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
