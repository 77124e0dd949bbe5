"""Builds one module of rtl/ with Verilator and runs a cocotb test on it.

A build is kept in build/rtl under a digest of the sources and parameters: it is made once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path

from cocotb_tools.runner import get_runner

from tests.rtl import tools

ROOT = Path(__file__).parent.parent.parent
RTL = ROOT / "rtl"
BUILD = ROOT / "build" / "rtl"
PACKAGES = ["dp_types_pkg.sv"]


def sources(top: str) -> list[Path]:
    """The files of a module and of what it instantiates, packages first."""
    found = [RTL / name for name in PACKAGES]
    todo = [RTL / f"{top}.sv"]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.append(path)
        text = path.read_text()
        todo += [p for p in sorted(RTL.glob("*.sv")) if f"{p.stem} " in text and p not in found]
    return found


def build(top: str, parameters: Mapping[str, object], coverage: bool = False) -> Path:
    """The folder of the compiled simulation."""
    files = sources(top)
    words = [importlib.metadata.version(p) for p in ("verilator", "cocotb")]
    words += [top, repr(sorted(parameters.items())), str(coverage)]
    whole = hashlib.sha256("\0".join(words).encode())
    for path in files:
        whole.update(path.read_bytes())
    folder = BUILD / f"{top}-{whole.hexdigest()[:16]}"
    if not (folder / "made").exists():
        get_runner("verilator").build(
            sources=files,
            hdl_toplevel=top,
            parameters=dict(parameters),
            build_dir=folder,
            build_args=["--assert", "-Wall", "--threads", "1", "-O3"]
            + (["--coverage-line"] if coverage else []),
            log_file=folder.with_suffix(".log"),
        )
        (folder / "made").touch()
    return folder


def run(top: str, test: str, parameters: Mapping[str, object], seed: int = 1) -> None:
    """Run the cocotb tests of module `test` on `top`; raises if one fails."""
    with tools.environment():
        folder = build(top, parameters, bool(os.environ.get("DPC_RTL_COVERAGE")))
        get_runner("verilator").test(
            hdl_toplevel=top,
            hdl_toplevel_lang="verilog",
            test_module=f"tests.rtl.{test}",
            build_dir=folder,
            test_dir=folder,
            results_xml=str(folder / f"{test}.xml"),
            extra_env={
                "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}",
                "DPC_RTL_PARAMETERS": repr(dict(parameters)),
                "COCOTB_LOG_LEVEL": os.environ.get("COCOTB_LOG_LEVEL", "WARNING"),
                "COCOTB_RANDOM_SEED": str(seed),
            },
        )
