"""CUDA text run on the CPU: kernels as C++ with fibres for threads, and the drivers around them.

`compile_kernels` makes a library of kernels from CUDA text by runtime/tests/shim, `fake_driver`
a libcuda.so.1 or libamdhip64.so that runs it. Both can be built for sanitizers.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1] / "runtime"
SHIM = RUNTIME / "tests" / "shim"
LIBRARIES = {"cuda": "libcuda.so.1", "hip": "libamdhip64.so"}
SANITIZERS = {
    "plain": ["-O2"],
    "asan": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


def kernel_names(text: str) -> list[str]:
    """The kernels of CUDA text, in its order."""
    return re.findall(r"(?:__global__|KERNEL)\s+(?:void\s+)?(?:__\w+__\(\w+\)\s+)?(\w+)\s*\(", text)


def compile_kernels(
    text: str, path: Path, sanitizer: str = "plain", flags: Sequence[str] = ()
) -> Path:
    """A library with every kernel of CUDA text, for a fake driver to run."""
    source = path.with_suffix(".cc")
    exports = "\n".join(f"DPC_SHIM_KERNEL({name})" for name in kernel_names(text))
    source.write_text(
        f'#include "cuda_on_cpu.h"\n#line 1 "kernels"\n{text}\n{exports}\n#include "cuda_on_cpu.cc"\n'
    )
    command = ["g++", "-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-w"]
    command += [*SANITIZERS[sanitizer], "-ffp-contract=off", *flags, f"-I{SHIM}", str(source)]
    done = subprocess.run([*command, "-o", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return path


def fake_driver(folder: Path, driver: str, sanitizer: str = "plain") -> Path:
    """The folder with the library of a fake "cuda" or "hip" driver, for LD_LIBRARY_PATH."""
    path = folder / LIBRARIES[driver]
    switch = ["-DFAKE_CUDA"] if driver == "cuda" else []
    source = str(SHIM / "fake_driver.c")
    command = ["gcc", "-std=c11", "-shared", "-fPIC", *SANITIZERS[sanitizer], *switch, source]
    subprocess.run([*command, "-ldl", "-o", str(path)], check=True)
    return folder


BARRIER = re.compile(r"^.*(__syncthreads\(\)|__syncwarp\(|\bBARRIER\b(?!\s+\w*\()).*$")
BOUNDS = re.compile(r"^.*(/\*\s*bounds\b|/\*\s*mutate: bounds\b|//\s*bounds\b).*$")


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """What is left out, and CUDA text without it: each barrier, and each bounds check in turn.

    A bounds check is a line with a comment that begins with `bounds`; its condition becomes true.
    """
    lines = text.splitlines()
    for k, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            continue
        if BARRIER.match(line):
            changed = re.sub(r"__syncthreads\(\);?|__syncwarp\([^;]*;|\bBARRIER\b;?", ";", line)
        elif BOUNDS.match(line):
            changed = _without_check(line)
        else:
            continue
        yield f"line {k + 1}: {line.strip()}", "\n".join([*lines[:k], changed, *lines[k + 1 :]])


def _without_check(line: str) -> str:
    """`if (i < n) x;` to `x;`, and `if (i >= n) return;` to nothing."""
    start = line.index("(", re.search(r"\bif\b", line).start()) if "if" in line else -1
    assert start >= 0, f"no `if` in a line that is marked as a bounds check: {line}"
    depth = 0
    for end in range(start, len(line)):
        depth += {"(": 1, ")": -1}.get(line[end], 0)
        if depth == 0:
            break
    rest = line[end + 1 :]
    head = line[: re.search(r"\bif\b", line).start()]
    return head + (";" if re.match(r"\s*(return|continue|break)\b", rest) else rest)
