"""CUDA text run on the CPU: kernels as C++ with fibres for threads, and the drivers around them.

`compile_kernels` makes a library of kernels from CUDA text by runtime/tests/shim, `fake_driver`
a libcuda.so.1 or libamdhip64.so that runs it. Both can be built for sanitizers. `mutants` takes
one barrier or one bounds check out of the text, for a test to notice.
"""

from __future__ import annotations

import ctypes
import functools
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RUNTIME = ROOT / "runtime"
SHIM = RUNTIME / "tests" / "shim"
LIBRARIES = {"cuda": "libcuda.so.1", "hip": "libamdhip64.so"}
SANITIZERS = {
    "plain": ["-O2"],
    "asan": ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-w", "-ffp-contract=off"]


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
    source.write_text(f'#include "cuda_on_cpu.h"\n#line 1 "kernels"\n{text}\n{exports}\n')
    command = ["g++", *FLAGS, *SANITIZERS[sanitizer], *flags, f"-I{SHIM}"]
    command += ["-shared", str(source), str(_scheduler(path.parent, sanitizer)), "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return path


def _scheduler(folder: Path, sanitizer: str) -> Path:
    """What every library of kernels holds beside them, compiled once in a folder."""
    made = folder / f"scheduler-{sanitizer}.o"
    if not made.exists():
        command = ["g++", *FLAGS, *SANITIZERS[sanitizer], "-c", str(SHIM / "cuda_on_cpu.cc")]
        subprocess.run([*command, "-o", str(made)], check=True)
    return made


def fake_driver(folder: Path, driver: str, sanitizer: str = "plain") -> Path:
    """The folder with the library of a fake "cuda" or "hip" driver, for LD_LIBRARY_PATH."""
    switch = ["-DFAKE_CUDA"] if driver == "cuda" else []
    source = str(SHIM / "fake_driver.c")
    command = ["gcc", "-std=c11", "-shared", "-fPIC", *SANITIZERS[sanitizer], *switch, source]
    command += [f"-Wl,-soname,{LIBRARIES[driver]}"]
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


class FakeMachine:
    """A process with a fake driver, in which packages for its GPUs run. Use it as a context.

    Its own process, because NVRTC asks any libcuda.so.1 that it finds for more than ours has.
    """

    def __init__(self, drivers: Path, kernels: Path, arch: str, **environment: str) -> None:
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "LD_LIBRARY_PATH": str(drivers),
            "FAKE_GPU_KERNELS": str(kernels),
            "FAKE_GPU_ARCH": arch,
            **environment,
        }

    def __enter__(self) -> FakeMachine:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)

    def evaluate(self, package: Path, options: dict[str, Any], frame: Any) -> dict[str, Any]:
        """What the Potential of a package gives there, or its error."""
        assert self.process.stdin and self.process.stdout
        pickle.dump((str(package), options, frame), self.process.stdin)
        self.process.stdin.flush()
        result = pickle.load(self.process.stdout)
        if isinstance(result, Exception):
            raise result
        return result


@dataclass(frozen=True)
class RemotePotential:
    """`evaluate` of a Potential in the process of a FakeMachine."""

    machine: FakeMachine
    package: Path
    options: dict[str, Any] = field(default_factory=dict)

    def evaluate(self, *frame: Any) -> dict[str, Any]:
        """As Potential.evaluate."""
        return self.machine.evaluate(self.package, self.options, frame)


def serve() -> None:
    """Evaluates what comes in, until nothing does."""
    from dpc.md import Potential

    warnings.simplefilter("ignore")  # about sel
    made: dict[str, Potential] = {}
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nobody else writes there
    while True:
        try:
            package, options, frame = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        key = repr((package, options))
        try:
            if key not in made:
                made[key] = Potential(package, **options)
            result: Any = made[key].evaluate(*frame)
        except Exception as error:
            result = error
        pickle.dump(result, output)
        output.flush()


@functools.cache
def has_opencl() -> bool:
    """Is there a loader of OpenCL, and a platform behind it?"""
    try:
        library = ctypes.CDLL("libOpenCL.so.1")
    except OSError:
        return False
    found = ctypes.c_uint32(0)
    return library.clGetPlatformIDs(0, None, ctypes.byref(found)) == 0 and found.value > 0


if __name__ == "__main__":
    serve()
