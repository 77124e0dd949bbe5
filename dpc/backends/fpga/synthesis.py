"""What yosys makes of a circuit: DSP, BRAM and URAM counts to hold the cost formula against.

Synthesis stops before LUTs: yosys packs no registers or sums into DSP slices, so that it counts
2 to 5 times the LUTs that Vivado does. It says nothing of a clock either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dpc.backends.fpga.parameters import Build, package
from dpc.backends.fpga.simulator import sources
from dpc.errors import ToolError
from dpc.ir.fixed.shape import Shape

# in a process of its own: an error in a pass ends it
SCRIPT = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for line in open(sys.argv[1]):
    ys.run_pass(line.strip(), design)
"""


def synthesize(
    shape: Shape,
    build: Build,
    top: str = "dp_core",
    parameters: Mapping[str, int | str] | None = None,
    timeout: float = 1800.0,
) -> dict[str, int]:
    """Cells of a module by kind, as yosys counts them for UltraScale+."""
    given = "".join(
        f' -G{name}="{value}"' if isinstance(value, str) else f" -G{name}={value}"
        for name, value in (parameters or {}).items()
    )
    with tempfile.TemporaryDirectory(prefix="dpc-yosys-") as folder:
        home = Path(folder)
        (home / "dp_model_pkg.sv").write_text(package(shape, build))
        files = " ".join(map(str, sources(home / "dp_model_pkg.sv")))
        (home / "script").write_text(
            f"read_slang --ignore-assertions --top {top}{given} -DSYNTHESIS {files}\n"
            f"synth_xilinx -family xcup -flatten -noiopad -uram -top {top} -run begin:fine\n"
            f"tee -o {home}/stat.json stat -json\n"
        )
        command = [sys.executable, "-c", SCRIPT, str(home / "script")]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"yosys has not finished in {timeout:g} s") from None
        if done.returncode:
            raise ToolError(f"yosys fails:\n{(done.stderr + done.stdout)[-4000:]}")
        found = json.loads((home / "stat.json").read_text())
    cells: dict[str, int] = found["design"]["num_cells_by_type"]
    return cells


def blocks(cells: dict[str, int]) -> dict[str, float]:
    """DSP slices, BRAM36 and URAM blocks."""
    return {
        "dsp": cells.get("DSP48E2", 0),
        "bram": cells.get("RAMB36E2", 0) + cells.get("RAMB18E2", 0) / 2,
        "uram": cells.get("URAM288", 0),
    }
