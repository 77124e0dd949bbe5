"""A fixed-point program to the files of a circuit: C model, RTL, contents, scripts, report."""

from __future__ import annotations

from typing import Any

from dpc.backends.base import BuildResult, Keep, Problem, drop, refuse_problems
from dpc.backends.fpga.cmodel import build_cmodel
from dpc.ir.fixed.store import contents_of
from dpc.ir.ops.fixed import FixedPoint
from dpc.ir.program import Program
from dpc.targets import Target

QUANTIZE = "A circuit computes what the pass quantize leaves: put it last in the pipeline."


class FpgaBackend:
    """Programs in the form that pass quantize leaves."""

    def check(self, program: Program, target: Target) -> list[Problem]:
        """What the part cannot hold."""
        found = list(program.energy.find(FixedPoint))
        if len(found) != 1:
            return [Problem(f"graph {program.energy.name}", "is not in fixed point", QUANTIZE)]
        return []

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """All files of the package."""
        refuse_problems(self.check(program, target), target)
        op = next(iter(program.energy.find(FixedPoint)))
        contents = contents_of(op, program.store)
        library, params, sources = build_cmodel(program, op, contents, target)
        for name, content in sources.items():
            keep(name, content)
        files = {"bin/host.so": library, "params.safetensors": params}
        facts: dict[str, Any] = {"precision": "fixed"}
        return BuildResult(files, facts)


backend = FpgaBackend()
