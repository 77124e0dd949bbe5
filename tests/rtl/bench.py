"""Builds one module of rtl/ with Verilator and runs a cocotb test on it.

A build is kept in the cache of dpc.native under the digest of its sources and parameters.
Verilator's makefile is not used: it compiles its whole runtime for every module.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cocotb_tools.config
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from dpc import native
from dpc.backends.fpga import simulator
from dpc.errors import ToolError

ROOT = Path(__file__).parent.parent.parent
RTL = ROOT / "rtl"
RESULTS = ROOT / "build" / "rtl"
DRIVER = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
LIBS = Path(cocotb_tools.config.libs_dir)


def sources(top: str, packages: list[Path], rtl: Path = RTL) -> list[Path]:
    """The files of a module and of what it instantiates, packages first."""
    found, todo = [*packages], [rtl / f"{top}.sv"]
    while todo:
        path = todo.pop()
        if path not in found:
            found.append(path)
            text = path.read_text()
            todo += [p for p in sorted(rtl.glob("*.sv"))
                     if f"{p.stem} " in text and not p.stem.endswith("_pkg")]  # fmt: skip
    return found


def _flags(coverage: bool) -> list[str]:
    include = simulator.include_folder()
    return [
        "-std=c++20", "-w", f"-I{include}", f"-I{include / 'vltstd'}", "-DVM_TRACE=0",
        f"-DVM_COVERAGE={int(coverage)}", "-DVM_SC=0",
    ]  # fmt: skip


def _runtime(coverage: bool) -> Path:
    """Verilator's runtime with VPI, compiled once for all modules."""
    include, flags = simulator.include_folder(), _flags(coverage)
    names = ["verilated", "verilated_vpi", "verilated_threads"]
    names += ["verilated_cov"] if coverage else []

    def make(folder: Path) -> None:
        unit = folder / "runtime.cpp"
        unit.write_text("".join(f'#include "{include / name}.cpp"\n' for name in names))
        native.run([*native.find_compiler("c++"), "-O1", *flags, "-c", str(unit),
                    "-o", str(folder / "runtime.o")], "Verilator's runtime")  # fmt: skip

    return native.cached("runtime.o", flags, [include / f"{n}.cpp" for n in names], make)


def _literal(value: object) -> object:
    """A number of more than 32 bits has to say how many."""
    return f"64'h{value:x}" if isinstance(value, int) and value >> 32 else value


def build(
    top: str,
    parameters: Mapping[str, object],
    coverage: bool = False,
    model_package: str = "",
    rtl: Path = RTL,
) -> Path:
    """The compiled simulation."""
    packages = [rtl / "dp_types_pkg.sv", rtl / "dp_regs_pkg.sv"]
    files = sources(top, packages + ([rtl / "dp_model_pkg.sv"] if model_package else []), rtl)
    words = [importlib.metadata.version(p) for p in ("verilator", "cocotb")]
    words += [top, repr(sorted(parameters.items())), model_package, *_flags(coverage)]
    words += ["user"] if coverage else []

    def make(folder: Path) -> None:
        command, env = simulator.verilator()
        obj = folder / "obj"
        command += ["--cc", "--exe", "--vpi", "--public-flat-rw", "--prefix", "Vtop"]
        command += ["--top-module", top, "--assert", "-Wall", "-Wno-UNUSED", "-O3", "--fno-inline"]
        command += ["--threads", "1", "--timescale", "1ns/1ps", "-Mdir", str(obj)]
        command += ["--coverage-line", "--coverage-user"] if coverage else []
        command += [f"-G{name}={_literal(value)}" for name, value in parameters.items()]
        if model_package:
            (folder / "dp_model_pkg.sv").write_text(model_package)
        command += [str(folder / p.name) if p.name == "dp_model_pkg.sv" else str(p) for p in files]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"Verilator fails on {top}:\n{done.stderr[:3000]}")
        unit = folder / "all.cpp"
        unit.write_text("".join(f'#include "{p}"\n' for p in [*sorted(obj.glob("*.cpp")), DRIVER]))
        native.run([
            *native.find_compiler("c++"), "-O0", *_flags(coverage), f"-I{obj}", str(unit),
            str(_runtime(coverage)), f"-Wl,-rpath,{LIBS}", f"-L{LIBS}", "-lcocotbvpi_verilator",
            "-pthread", "-o", str(folder / top),
        ], top)  # fmt: skip
        shutil.rmtree(obj)
        unit.unlink()

    return native.cached(top, words, files, make)


@dataclass(frozen=True)
class Outcome:
    """Of one simulation: cocotb tests that ran and failed, and whether it ended by itself.

    An assertion in the RTL ends it; its message is in `log`.
    """

    tests: int
    failed: int
    ended: bool
    log: str

    @property
    def passed(self) -> bool:
        """All tests ran, and nothing stopped the simulation."""
        return self.tests > 0 and self.failed == 0 and self.ended


def run(
    top: str,
    test: str,
    parameters: Mapping[str, object],
    seed: int = 1,
    case: str = "",
    model_package: str = "",
    rtl: Path = RTL,
    results: Path = RESULTS,
) -> Outcome:
    """Run the cocotb tests of module `test` on `top`; sources are in `rtl`, logs in `results`."""
    coverage = bool(os.environ.get("DPC_RTL_COVERAGE"))
    program = build(top, parameters, coverage, model_package, rtl)
    number = case.replace(" ", "-") or "-".join(map(str, parameters.values()))
    folder = results / f"{top}-{test}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    xml, log = folder / "results.xml", folder / "log.txt"
    ended = True
    try:
        get_runner("verilator").test(
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            test_module=f"tests.rtl.{test}",
            build_dir=program.parent,
            test_dir=folder,
            results_xml=str(xml),
            log_file=str(log),
            test_args=["--coverage-per-instance"] if coverage else [],
            extra_env={
                "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
                "DPC_RTL_CASE": case,
                "DPC_RTL_TOP": top,
                "DPC_RTL_PARAMETERS": repr(dict(parameters)),
                "COCOTB_LOG_LEVEL": os.environ.get("COCOTB_LOG_LEVEL", "WARNING"),
                "COCOTB_RANDOM_SEED": str(seed),
            },
        )
    except (SystemExit, RuntimeError):  # a test failed, or an assertion of the RTL
        ended = False
    tests, failed = get_results(xml) if xml.exists() else (0, 0)
    return Outcome(tests, failed, ended, log.read_text(errors="replace"))
