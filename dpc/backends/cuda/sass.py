"""How many instructions of each kind a cubin has, kernel by kernel: nvdisasm of NVIDIA's wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from dpc.backends.cuda.nvrtc import wheel_folders

KINDS = {
    "fma64": ("DFMA", "DADD", "DMUL"),
    "fma32": ("FFMA", "FADD", "FMUL"),
    "matrix": ("HMMA", "DMMA"),
    "special": ("MUFU",),
    "shared": ("LDS", "STS", "ATOMS"),
    "global": ("LDG", "STG", "RED", "ATOMG", "ATOM"),
    "barrier": ("BAR",),
}
"""What is counted; `all` is every instruction."""

_SECTION = re.compile(r"\.text\.(\w+):")
_INSTRUCTION = re.compile(
    r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ +)?([A-Z][A-Z0-9]*)", re.MULTILINE
)


def find_nvdisasm() -> str | None:
    """The program, or None."""
    for folder in wheel_folders("bin"):
        if (folder / "nvdisasm").is_file():
            return str(folder / "nvdisasm")
    return shutil.which("nvdisasm")


def count_instructions(cubin: bytes) -> dict[str, dict[str, int]]:
    """Kernel to kind to number; empty without nvdisasm."""
    program = find_nvdisasm()
    if program is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="dpc-") as folder:
        path = Path(folder) / "k.cubin"
        path.write_bytes(cubin)
        done = subprocess.run([program, "-c", path], capture_output=True, text=True, check=False)
    parts = _SECTION.split(done.stdout)
    found: dict[str, dict[str, int]] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        words = _INSTRUCTION.findall(text)
        counts = {kind: sum(w in of for w in words) for kind, of in KINDS.items()}
        found.setdefault(name, {"all": len(words), **counts})
    return found
