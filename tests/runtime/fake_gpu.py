"""Packages for GPUs around the kernels of runtime/tests/fake_kernels.h."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.runtime.fake_package import RUNTIME, facts_of, params, write_package

KERNELS = RUNTIME / "tests" / "fake_kernels.h"
CODES = {
    "opencl": {"opencl": "bin/kernels.cl"},
    "cuda": {"sm_80": "bin/sm_80.cubin", "sm_90": "bin/sm_90.cubin", "compute_80": "bin/80.ptx"},
    "hip": {"gfx90a": "bin/gfx90a.hsaco", "gfx942": "bin/gfx942.hsaco"},
}
KINDS = {"opencl": "opencl", "cuda": "cuda", "hip": "rocm"}


def compile_gpu_host(
    path: Path, driver: str = "opencl", flags: Sequence[str] = (), **defines: str
) -> Path:
    """bin/host.so from runtime/tests/fake_gpu.c; defines are its FAKE_* switches."""
    codes = ",".join(f'{{"{arch}","{file}",0}}' for arch, file in CODES[driver].items())
    switches = [f'-DFAKE_DRIVER="{driver}"', f"-DFAKE_CODES={codes}"]
    switches += [f"-DFAKE_{name.upper()}={value}" for name, value in defines.items()]
    command = ["gcc", "-std=c11", "-O1", "-shared", "-fPIC", *flags, *switches]
    command += [f"-I{RUNTIME / 'include'}", str(RUNTIME / "tests" / "fake_gpu.c"), "-o", str(path)]
    subprocess.run(command, check=True)
    return path


def write_gpu_package(folder: Path, host: Path, driver: str = "opencl", **model: Any) -> Path:
    """A package whose code files hold the kernels' text (OpenCL), or only say what they are."""
    code = {
        file: KERNELS.read_bytes() if driver == "opencl" else b"\x7fELF fake " + arch.encode()
        for arch, file in CODES[driver].items()
    }
    target = {"kind": KINDS[driver], "arch": ",".join(CODES[driver]), "precision": "f64"}
    return write_package(folder, host, {"target": target}, code, **model)


__all__ = ["CODES", "KERNELS", "compile_gpu_host", "facts_of", "params", "write_gpu_package"]
