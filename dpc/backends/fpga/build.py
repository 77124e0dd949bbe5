"""A fixed-point program to the files of a circuit: C model, RTL, contents, scripts, report."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from dpc.backends.base import BuildResult, Keep, Problem, drop, refuse_problems
from dpc.backends.fpga import fit, registers
from dpc.backends.fpga.cmodel import build_cmodel
from dpc.backends.fpga.images import images
from dpc.backends.fpga.parameters import Build, package
from dpc.backends.fpga.scripts import scripts
from dpc.backends.fpga.simulator import RTL
from dpc.errors import DpcError
from dpc.ir.fixed.shape import Contents, Shape
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.targets import Target

QUANTIZE = "A circuit computes what the pass quantize leaves: put it last in the pipeline."
PACKAGES = ("dp_types_pkg.sv", "dp_regs_pkg.sv", "dp_model_pkg.sv")


class FpgaBackend:
    """Programs in the form that pass quantize leaves."""

    def check(self, program: Program, target: Target) -> list[Problem]:
        """What the part cannot hold."""
        found = list(program.energy.find(FixedPoint))
        if len(found) != 1:
            return [Problem(f"graph {program.energy.name}", "is not in fixed point", QUANTIZE)]
        return fit.problems(found[0], contents_of(found[0], program.store), target)

    def describe(self, program: Program, target: Target) -> list[str]:
        """The fit table of `dpc check`."""
        op = next(iter(program.energy.find(FixedPoint)))
        return fit.table(op, contents_of(op, program.store), target)

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """All files of the package."""
        refuse_problems(self.check(program, target), target)
        op = next(iter(program.energy.find(FixedPoint)))
        contents = contents_of(op, program.store)
        design = fit.design_of(op, contents, target)
        if design is None:
            raise DpcError(f"{target}: no circuit, though nothing is too large")
        library, params, sources = build_cmodel(program, op, contents, target)
        for name, content in sources.items():
            keep(name, content)
        files = {
            "bin/host.so": library,
            "params.safetensors": params,
            **circuit_files(contents, design.build, target),
        }
        facts: dict[str, Any] = {"precision": "fixed", "circuit": fit.facts(design, target)}
        return BuildResult(files, facts)


def digest_of(shape: Shape, build: Build) -> int:
    """What the register HASH reads: of the parameters that the circuit is built from."""
    return int(hashlib.sha256(package(shape, build).encode()).hexdigest()[:16], 16)


def circuit_files(m: Contents, build: Build, target: Target) -> dict[str, bytes]:
    """RTL, contents, register map and scripts, by path in the package."""
    digest = digest_of(m.shape, build)
    rtl = {path.name: path.read_bytes() for path in sorted(RTL.glob("dp_*.sv"))}
    if not rtl:
        raise DpcError(f"the RTL is missing from {RTL}: dpc is not completely installed")
    rtl["dp_model_pkg.sv"] = package(m.shape, build, digest).encode()
    rtl["dp_regs_pkg.sv"] = registers.systemverilog().encode()
    order = [*PACKAGES, *(name for name in rtl if name not in PACKAGES)]
    parameters = {
        "digest": f"{digest:016x}",
        "build": dataclasses.asdict(build),
        "shape": dataclasses.asdict(m.shape),
        "u_min": m.u_min,
        "u_cut": m.u_cut,
        "u_frac": m.shape.u_frac,
        "energy_bias": [float(bias) for bias in m.energy_bias],
    }
    return {
        **{f"rtl/{name}": content for name, content in rtl.items()},
        "rtl/files.f": "".join(f"{name}\n" for name in order).encode(),
        "fpga/contents.bin": images(m, build).astype("<u8").tobytes(),
        "fpga/circuit.json": (json.dumps(parameters, indent=1) + "\n").encode(),
        "fpga/fpga_regs.h": registers.c_header().encode(),
        "fpga/fpga_regs.py": python_registers().encode(),
        **scripts(target, order),
    }


def python_registers() -> str:
    """The register map as a module of constants."""
    lines = ['"""Addresses of the registers, bytes. Written by dpc."""', ""]
    lines += [
        f"{name} = 0x{address:02X}  # {text}"
        for name, (address, text) in registers.REGISTERS.items()
    ]
    return "\n".join([*lines, "", f"COUNTER_NAMES = {registers.COUNTERS!r}", ""])


def _hls() -> FpgaBackend:
    from dpc.backends.fpga.hls.build import HlsBackend

    return HlsBackend()


backend = FpgaBackend()
FLOWS = {"rtl": lambda: backend, "hls": _hls}
