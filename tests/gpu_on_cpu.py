"""CUDA text run on the CPU: kernels as C++ with fibres for threads, and the drivers around them.

`compile_kernels` makes a library of kernels from CUDA text by runtime/tests/shim, `fake_driver`
a libcuda.so.1 or libamdhip64.so that runs it. Both can be built for sanitizers. `mutants` takes
one barrier or one bounds check out of the text, for a test to notice.
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
    "asan": ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
FLAGS = ["-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-w", "-ffp-contract=off"]


def kernel_names(text: str) -> list[str]:
    """The kernels of CUDA text, in its order."""
    source = f'#include "cuda_on_cpu.h"\n#line 1 "kernels"\n{text}'
    command = ["g++", "-E", "-P", "-x", "c++", f"-I{SHIM}", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    names = re.findall(r'extern\s+"C"\s+void\s+(\w+)\s*\(', done.stdout)
    return [name for name in names if not name.startswith("dpc_")]


def compile_kernels(
    text: str, path: Path, sanitizer: str = "plain", flags: Sequence[str] = ()
) -> Path:
    """A library with every kernel of CUDA text, for a fake driver to run."""
    exports = "\n".join(f"DPC_SHIM_KERNEL({name})" for name in kernel_names(text))
    source = path.with_suffix(".cc")
    source.write_text(
        f'#include "cuda_on_cpu.h"\n#line 1 "kernels"\n{text}\n{exports}\n'
        '#include "cuda_on_cpu.cc"\n'
    )
    command = ["g++", *FLAGS, *SANITIZERS[sanitizer], *flags, f"-I{SHIM}", str(source)]
    done = subprocess.run([*command, "-o", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return path


def fake_driver(folder: Path, driver: str, sanitizer: str = "plain") -> Path:
    """The folder with the library of a fake "cuda" or "hip" driver, for LD_LIBRARY_PATH."""
    switch = ["-DFAKE_CUDA"] if driver == "cuda" else []
    source = str(SHIM / "fake_driver.c")
    command = ["gcc", "-std=c11", "-shared", "-fPIC", *SANITIZERS[sanitizer], *switch, source]
    subprocess.run([*command, "-ldl", "-o", str(folder / LIBRARIES[driver])], check=True)
    return folder


BARRIER = re.compile(r"\b(?:__syncthreads|__syncwarp|BARRIER)\s*\([^()]*\)\s*;")
BOUND = re.compile(
    r"(?P<left>[\w\s+*\[\].-]+?)(?P<word><|>=)(?P<right>[\w\s+*\[\].-]+)(?=[&|);?]|$)"
)


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """What is left out, and CUDA text without it: each barrier, and each bounds check in turn.

    A bounds check is `a < b` or `a >= b` in the condition of an `if` or of `… ? … : …`: it is
    replaced by what holds within bounds.
    """
    start = 0
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith(("#", "/*", "*", "//")):
            code = line.split("/*")[0].split("//")[0].rstrip()
            if number < len(lines) and lines[number].lstrip().startswith("?"):
                code += "?"  # a condition that has a line of its own
            for first, end, instead in [*_barriers(code), *_bounds(code)]:
                what = f"line {number}: {line[first:end].strip()} of {line.strip()}"
                yield what, text[: start + first] + instead + text[start + end :]
        start += len(line)


def _barriers(code: str) -> Iterator[tuple[int, int, str]]:
    for found in BARRIER.finditer(code):
        yield found.start(), found.end(), ";"


def _bounds(code: str) -> Iterator[tuple[int, int, str]]:
    for first, end in _conditions(code):
        for found in BOUND.finditer(code, first, end):
            yield found.start(), found.end(), " 1 " if found["word"] == "<" else " 0 "


def _conditions(code: str) -> Iterator[tuple[int, int]]:
    """Where conditions begin and end in a line."""
    for found in re.finditer(r"\bif\s*\(", code):
        depth, at = 1, found.end()
        while at < len(code) and depth > 0:
            depth += {"(": 1, ")": -1}.get(code[at], 0)
            at += 1
        yield found.end(), at - (depth == 0)
    for found in re.finditer(r"(?<![=<>!])=(?!=)([^=;?]*)\?", code):  # value = condition ? …
        yield found.start(1), found.end(1)
