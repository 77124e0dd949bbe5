"""No two threads of a block touch the same memory without a barrier: Oclgrind watches them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import DATA

LIBRARY = Path("/usr/lib/oclgrind/liboclgrind-rt-icd.so")
EVALUATE = """
import sys, warnings
import numpy as np
from dpc.md import Potential
warnings.simplefilter("ignore")
grid = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]) * 1.3 + [[0, 0, 0], [0, 0.1, 0], [0.1, 0, 0.2]]
print(Potential(sys.argv[1]).evaluate(grid, np.array([0, 1, 1]), None)["energy"])
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LIBRARY.exists(), reason="no Oclgrind: apt-get install oclgrind"),
]


def watch(package, folder):
    (folder / "oclgrind.icd").write_text(f"{LIBRARY}\n")
    environment = {
        **os.environ,
        "OCL_ICD_VENDORS": str(folder),
        "OCLGRIND_DATA_RACES": "1",
        "OCLGRIND_LOCAL_MEM_SIZE": str(1 << 20),  # it counts arrays of a kernel twice
    }
    return subprocess.run(
        [sys.executable, "-c", EVALUATE, str(package)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )


@pytest.mark.parametrize("precision", ["f64", "mixed"])
def test_no_races(tmp_path, precision):
    pytest.importorskip("torch")
    from dpc.compiler.compile import compile_model

    model = DATA / "golden" / "se_e2_a" / "model.dp"
    package = compile_model(model, "opencl", tmp_path / "m.dpc", precision=precision)
    done = watch(package, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "race" not in done.stderr + done.stdout and "Invalid" not in done.stderr, done.stderr
    assert float(done.stdout.splitlines()[-1]) < 0


def test_a_missing_barrier_is_seen(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    from dpc.backends.opencl import build
    from dpc.compiler.compile import compile_model

    text = build.kernel_text

    def without(plan, language):
        return text(plan, language).replace("#define BARRIER() barrier(", "#define BARRIER() (")

    monkeypatch.setattr(build, "kernel_text", without)
    model = DATA / "golden" / "se_e2_a" / "model.dp"
    done = watch(compile_model(model, "opencl", tmp_path / "m.dpc"), tmp_path)
    assert "data race" in done.stderr + done.stdout
