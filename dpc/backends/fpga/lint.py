"""`python -m dpc.backends.fpga.lint`: Verilator's lint, all warnings on, and no exceptions.

What a warning is may depend on the shape, so several are looked at.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dpc.backends.fpga import registers, simulator
from dpc.backends.fpga.parameters import Build, package
from dpc.ir.fixed.shape import Shape

SHAPES = [
    (Shape(2, 6, False, 12, (8, 8), (False, True)), 6, 2),
    (Shape(3, 5, True, 30, (16, 16, 9), (False, True, False)), 15, 4),
    (Shape(1, 4, False, 9, (15, 15, 7), (False, True, False), weight_bits=(18, 8, 8, 18)), 5, 2),
    (Shape(2, 32, False, 128, (128, 128, 128), (False, False, False)), 32, 8),
]


def lint(folder: Path) -> str:
    """What Verilator says of dp_top in every shape."""
    said = []
    for shape, interval, lanes in SHAPES:
        model = folder / "dp_model_pkg.sv"
        model.write_text(package(shape, Build.of_interval(shape, interval, lanes)))
        command, env = simulator.verilator()
        command += ["--lint-only", "-Wall", "--top-module", "dp_top"]
        command += map(str, simulator.sources(model))
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        said += [done.stderr] if done.returncode else []
    return "\n".join(said)


def main() -> int:
    """Exit code 1 if there is anything to say."""
    stale = [
        path
        for path, text in (
            (simulator.RTL / "dp_regs_pkg.sv", registers.systemverilog()),
            (registers.ROOT / "runtime" / "src" / "fpga_regs.h", registers.c_header()),
        )
        if path.read_text() != text
    ]
    for path in stale:
        print(f"{path} is not what dpc.backends.fpga.registers writes: run that module")
    with tempfile.TemporaryDirectory() as folder:
        said = lint(Path(folder))
    print(said, end="")
    return 1 if said or stale else 0


if __name__ == "__main__":
    sys.exit(main())
