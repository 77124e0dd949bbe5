"""The package itself: torch only when it is needed."""

import os
import subprocess
import sys
from pathlib import Path


def test_torch_is_loaded_on_first_use():
    code = (
        "import sys, dpc.frontend, dpc.cli.main as main; "
        "main.make_parser(); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_without_torch_the_error_says_what_to_install(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError('No module named torch')")
    (tmp_path / "model.yaml").write_text("model: {}")
    command = [sys.executable, "-m", "dpc", "show", str(tmp_path / "model.yaml")]
    path = f"{tmp_path}:{Path(__file__).parents[3]}"
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "needs the Python package torch" in done.stderr
    assert "pip install 'dpc[models]'" in done.stderr
