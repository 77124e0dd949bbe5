"""CUDA C++ to a cubin: by NVRTC, from NVIDIA's wheel or the system, else by nvcc."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dpc.errors import DpcError, ToolError

OPTIONS = ("--std=c++17", "--diag-suppress=177")
REPORT = "--ptxas-options=-v"
REMEDY = "pip install 'dpc[cuda]' (NVIDIA's runtime compiler, 90 MB; no GPU is needed)"


def compile_cubin(text: str, arch: str) -> tuple[bytes, str]:
    """The code for one architecture, "sm_80", and the report of ptxas on its kernels."""
    library = load()
    if library is not None:
        return _by_nvrtc(library, text, arch)
    if shutil.which("nvcc"):
        return _by_nvcc(text, arch)
    raise ToolError(f"target cuda:{arch} needs a compiler for CUDA, and none is here. {REMEDY}")


def describe() -> str:
    """Which compiler there is; ToolError when there is none."""
    library = load()
    if library is not None:
        major, minor = ctypes.c_int(), ctypes.c_int()
        library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return f"NVRTC {major.value}.{minor.value}"
    if nvcc := shutil.which("nvcc"):
        done = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False)
        return done.stdout.strip().splitlines()[-1]
    raise ToolError("no compiler for CUDA")


@cache
def load() -> Any:
    """The library, or None."""
    for folder in wheel_folders("lib"):
        for part in sorted(folder.glob("libnvrtc-builtins.so*")):
            ctypes.CDLL(str(part), ctypes.RTLD_GLOBAL)  # NVRTC looks for it by its name only
        for path in sorted(folder.glob("libnvrtc.so*")):
            return ctypes.CDLL(str(path))
    return None


def wheel_folders(kind: str) -> Iterator[Path]:
    """Folders `lib` or `bin` of NVIDIA's wheels in this environment."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations or () if spec else ():
        yield from sorted(Path(place).glob(f"cu*/{kind}"))


def _by_nvrtc(library: Any, text: str, arch: str) -> tuple[bytes, str]:
    program = ctypes.c_void_p()
    created = library.nvrtcCreateProgram(
        ctypes.byref(program), text.encode(), b"kernels.cu", 0, None, None
    )
    if created:
        raise ToolError(f"NVRTC cannot start (code {created})")
    try:
        options = [f"--gpu-architecture={arch}", *OPTIONS, REPORT]
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        failed = library.nvrtcCompileProgram(program, len(options), given)
        log = _text(library, program, "ProgramLog").decode(errors="replace")
        if failed:
            raise DpcError(f"NVRTC refuses the kernels for {arch}:\n{log}")
        return _text(library, program, "CUBIN", trim=False), log
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library: Any, program: Any, what: str, trim: bool = True) -> bytes:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw.rstrip(b"\0") if trim else buffer.raw


def _by_nvcc(text: str, arch: str) -> tuple[bytes, str]:
    with tempfile.TemporaryDirectory(prefix="dpc-") as folder:
        (Path(folder) / "kernels.cu").write_text(text)
        command = ["nvcc", f"-arch={arch}", "-cubin", *OPTIONS, REPORT, "kernels.cu", "-o", "k"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        log = done.stdout + done.stderr
        if done.returncode:
            raise DpcError(f"nvcc refuses the kernels for {arch}:\n{log}")
        return (Path(folder) / "k").read_bytes(), log
