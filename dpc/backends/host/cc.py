"""Find the system C compiler and make one shared library with it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dpc.errors import ToolError
from dpc.targets import Target

SYMBOL = "dpc_model_entry"

FLAGS = (
    "-std=c11",  # 'gnu' extensions stay available under their __names__
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fopenmp-simd",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-Wall",
    "-Wextra",
)
"""Not -ffast-math: a result that is not a number must stay one, so that libdpc sees it."""

LINK_FLAGS = (
    "-shared",
    "-s",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,--as-needed",
    "-Wl,-z,noexecstack",
    "-Wl,-z,relro",
    "-Wl,--no-undefined",
    "-Wl,--version-script=exports.map",
)

EXPORTS = f"{{ global: {SYMBOL}; local: *; }};\n"


def find_compiler(target: Target) -> list[str]:
    """The command of a C compiler for the target: $CC, cc, or a cross compiler."""
    machine = target.triple.split("-")[0]
    if platform.machine().lower() in (machine, {"aarch64": "arm64", "x86_64": "amd64"}[machine]):
        chosen = os.environ.get("CC", "").split() or ["cc"]
        if shutil.which(chosen[0]):
            return chosen
        if chosen != ["cc"]:
            raise ToolError(f"CC is {' '.join(chosen)!r}, but there is no such program")
        for name in ("gcc", "clang"):
            if shutil.which(name):
                return [name]
        raise ToolError("no C compiler: dpc needs cc, gcc or clang. On Debian: apt install gcc")
    name = f"{target.triple}-gcc"
    if not shutil.which(name):
        package = f"gcc-{target.triple.replace('_', '-')}"
        raise ToolError(
            f"target {target} needs the cross compiler {name}, which is not here. "
            f"On Debian: apt install {package}"
        )
    return [name]


def compile_shared(
    target: Target, files: Mapping[str, bytes], source: str, objects: list[str], name: str
) -> bytes:
    """Compile `source` and link it with `objects`, all among `files`; the library's bytes.

    It runs in a folder of its own with relative names, so no path gets into the result.
    """
    compiler = find_compiler(target)
    with _folder({**files, "exports.map": EXPORTS.encode()}) as home:
        flags = [*FLAGS, *target.cflags, "-I."]
        _run([*compiler, *flags, source, *objects, *LINK_FLAGS, "-lm", "-o", name], home)
        return (home / name).read_bytes()


def compile_object(
    target: Target, files: Mapping[str, bytes], source: str, objects: list[str], symbol: str
) -> bytes:
    """The same as one object, in which only `symbol` can be seen from outside."""
    compiler = find_compiler(target)
    objcopy = shutil.which("objcopy") or shutil.which("llvm-objcopy")
    if not objcopy:
        raise ToolError(
            "a package for several processors needs objcopy, which comes with binutils. "
            "On Debian: apt install binutils"
        )
    with _folder(files) as home:
        flags = [*FLAGS, *target.cflags, "-I."]
        _run([*compiler, *flags, "-c", source, "-o", "own.o"], home)
        _run([*compiler, "-r", "-nostdlib", "own.o", *objects, "-o", "all.o"], home)
        _run([objcopy, f"--keep-global-symbol={symbol}", "--strip-debug", "all.o"], home)
        return (home / "all.o").read_bytes()


@contextmanager
def _folder(files: Mapping[str, bytes]) -> Iterator[Path]:
    """These files in a folder that goes again."""
    with tempfile.TemporaryDirectory(prefix="dpc-") as folder:
        home = Path(folder)
        for path, content in files.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_bytes(content)
        yield home


def _run(command: list[str], home: Path) -> None:
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        shown = "\n".join(f"    {line}" for line in lines[:20])
        raise ToolError(
            f"the C compiler failed (exit code {done.returncode}):\n    {' '.join(command)}\n"
            f"{shown}\n  Keep the files with --save-temps and try it by hand; CC chooses "
            "another compiler."
        )
