"""dpc doctor: which compilers, engines and libraries are here, and what each missing one costs."""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata


@dataclass(frozen=True)
class Finding:
    """One line of the report: `state` says what was found, `remedy` what to do when it was not."""

    need: str
    found: bool
    state: str
    remedy: str = ""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    commands.add_parser("doctor", help="what dpc found on this machine, and what is missing")


def _library(need: str, distribution: str, extra: str) -> Finding:
    try:
        return Finding(need, True, f"{distribution} {metadata.version(distribution)}")
    except metadata.PackageNotFoundError:
        return Finding(need, False, f"{distribution} is missing", f"pip install 'dpc[{extra}]'")


def _program(need: str, name: str, package: str) -> Finding:
    path = shutil.which(name)
    if path is None:
        return Finding(need, False, f"{name} is missing", f"apt-get install {package}")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return Finding(need, True, (version.stdout or path).splitlines()[0])


def _cpu() -> Finding:
    from dpc.targets import parse_target

    target = parse_target("cpu")
    return Finding("this CPU as a target", True, f"cpu:{target.arch} on {platform.machine()}")


def _libdpc() -> Finding:
    from dpc import native

    return Finding("open packages", True, f"libdpc: {native.libdpc()}")


def _lammps() -> Finding:
    from dpc import lammps

    return Finding("pair_style dpc", True, lammps.describe())


def _opencl() -> Finding:
    import ctypes

    library = ctypes.CDLL("libOpenCL.so.1")
    platforms = ctypes.c_uint32(0)
    if library.clGetPlatformIDs(0, None, ctypes.byref(platforms)) or not platforms.value:
        raise OSError("libOpenCL.so.1 is here, but no platform behind it")
    return Finding("run target opencl", True, f"libOpenCL.so.1, platforms: {platforms.value}")


def _cuda() -> Finding:
    from dpc.backends.cuda import nvrtc

    return Finding("compile for cuda", True, nvrtc.describe())


def _rocm() -> Finding:
    from dpc.backends.rocm import clang

    return Finding("compile for rocm", True, clang.describe())


def findings() -> list[Finding]:
    """Everything dpc can use, in the order a user meets it. Nothing raises."""
    found = [
        _library("read and train models", "torch", "models"),
        _library("read .dp files", "h5py", "models"),
        _library("read .pb files", "protobuf", "models"),
        _library("compile kernels", "apache-tvm", "cpu"),
        _program("compile packages", "cc", "gcc"),
        _program("compile the LAMMPS plugin", "g++", "g++"),
        _program("target cpu:aarch64", "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        _library("run LAMMPS", "lammps", "lammps"),
        _library("the ASE calculator", "ase", "ase"),
        _library("export to ONNX", "onnx", "onnx"),
        _library("plots", "matplotlib", "bench"),
    ]
    for need, probe, remedy in (
        ("this CPU as a target", _cpu, "report it: dpc should know every CPU"),
        ("open packages", _libdpc, "apt-get install gcc"),
        ("compile for cuda", _cuda, "pip install 'dpc[cuda]'"),
        ("compile for rocm", _rocm, "apt-get install clang-19 lld-19 rocm-device-libs"),
        ("run target opencl", _opencl, "apt-get install pocl-opencl-icd ocl-icd-libopencl1"),
        ("pair_style dpc", _lammps, "pip install 'dpc[lammps]' and apt-get install g++"),
    ):
        try:
            found.append(probe())
        except Exception as error:  # a doctor reports what is broken, whatever it is
            found.append(Finding(need, False, str(error).splitlines()[0], remedy))
    return found


def run(args: argparse.Namespace) -> int:
    """Print the findings; 3 when something is missing."""
    print(f"Python {sys.version.split()[0]}, {platform.platform()}")
    report = findings()
    width = max(len(item.need) for item in report)
    for item in report:
        mark = "ok  " if item.found else "none"
        print(f"{mark}  {item.need:<{width}}  {item.state}")
        if not item.found and item.remedy:
            print(f"{'':{width + 6}}  {item.remedy}")
    return 0 if all(item.found for item in report) else 3
