"""HIP text to a code object: clang's amdgcn target with ROCm's device libraries, no HIP header."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from dpc.errors import DpcError, ToolError

VERSIONS = (21, 20, 19, 18, 17)
"""Of clang that know gfx942, the one we test with in the middle."""

BITCODE = (
    "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode",
    "/usr/lib/amdgcn/bitcode",
    "/opt/rocm/amdgcn/bitcode",
)

LIBRARIES = (
    "ocml",
    "oclc_unsafe_math_off",
    "oclc_finite_only_off",
    "oclc_daz_opt_off",
    "oclc_correctly_rounded_sqrt_on",
    "oclc_wavefrontsize64_on",
)
"""Mathematics of the device, and constants that choose among its versions."""

ISA = {"gfx90a": ("90a",), "gfx942": ("942", "940")}
"""The constant of each architecture; an older one where the libraries are older."""

REMEDY = "On Debian: apt-get install clang-19 lld-19 rocm-device-libs"


def compile_code_object(text: str, arch: str) -> tuple[bytes, str]:
    """The code for one architecture, "gfx90a", and clang's remarks on its kernels."""
    command = [find_clang(), "-x", "hip", "--cuda-device-only", "--no-gpu-bundle-output"]
    command += ["-nogpuinc", "-nogpulib", f"--offload-arch={arch}", "-std=c++17", "-O3"]
    command += ["-ffp-contract=fast", "-Wno-unused-function"]
    for library in _libraries(arch):
        command += ["-Xclang", "-mlink-builtin-bitcode", "-Xclang", str(library)]
    command += ["-Rpass-analysis=kernel-resource-usage", "kernels.hip", "-o", "kernels.hsaco"]
    with tempfile.TemporaryDirectory(prefix="dpc-") as folder:
        (Path(folder) / "kernels.hip").write_text(text)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        log = done.stdout + done.stderr
        if done.returncode:
            raise DpcError(f"clang refuses the kernels for {arch}:\n{log}")
        return (Path(folder) / "kernels.hsaco").read_bytes(), log


def find_clang() -> str:
    """The newest clang that is known to work."""
    for version in VERSIONS:
        found = shutil.which(f"clang-{version}")
        if found and (shutil.which(f"ld.lld-{version}") or shutil.which("ld.lld")):
            return found
    raise ToolError(f"target rocm needs clang 17 or newer with lld, and none is here. {REMEDY}")


def _libraries(arch: str) -> list[Path]:
    for folder in map(Path, BITCODE):
        if not (folder / "ocml.bc").is_file():
            continue
        for isa in ISA[arch]:
            constant = folder / f"oclc_isa_version_{isa}.bc"
            if constant.is_file():
                return [*(folder / f"{name}.bc" for name in LIBRARIES), constant]
    raise ToolError(f"target rocm:{arch} needs ROCm's device libraries. {REMEDY}")


def describe() -> str:
    """Which compiler there is; ToolError when something is missing."""
    compiler = find_clang()
    _libraries("gfx90a")
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0]
