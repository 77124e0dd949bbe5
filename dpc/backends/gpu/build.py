"""A fused program to host.so, kernels and params.safetensors for a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import dpc
from dpc.backends.base import BuildResult, Keep, Problem, drop, refuse_problems
from dpc.backends.gpu import emitters
from dpc.backends.gpu.estimate import estimate, lines
from dpc.backends.gpu.memory import bytes_per_atom, bytes_per_center, share_arrays
from dpc.backends.gpu.plan import Plan, make_plan
from dpc.backends.gpu.write import write_plan
from dpc.backends.host.cc import compile_shared, find_compiler
from dpc.backends.host.walk import fuse_first, problems_of
from dpc.errors import DpcError, InputError, ToolError
from dpc.ir.program import Program
from dpc.package import safetensors
from dpc.targets import Target

WHO = "A GPU"


class GpuBackend:
    """Programs in the form that passes exact_neighbors and fuse leave."""

    def check(self, program: Program, target: Target) -> list[Problem]:
        """Ops without code, missing outputs, numbers of the wrong precision."""
        graph = program.energy
        problems = problems_of(program, emitters.EMITTERS, emitters.OUTPUTS, WHO)
        if not problems:
            try:
                self.plan(program, target)
            except InputError as error:
                problems.append(Problem(f"graph {graph.name}", str(error), fuse_first(WHO)))
        return problems

    def describe(self, program: Program, target: Target) -> list[str]:
        """Nothing: time and memory say it."""
        return []

    def plan(self, program: Program, target: Target) -> Plan:
        """The plan that `build` compiles."""
        plan = make_plan(program, target, emitters.EMITTERS, emitters.INPUTS)
        emitters.finish(plan)
        return plan

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """Kernels, plan.c, host.so."""
        refuse_problems(self.check(program, target), target)
        find_compiler(target)
        plan = self.plan(program, target)
        missing = set(program.tensors()) - set(plan.tensors)
        for name in sorted(missing):
            plan.tensor(name, program.store[name])
        codes, made, facts = self.compile(plan, keep)
        params = safetensors.save(plan.tensors)
        offsets = safetensors.layout(plan.tensors).offsets
        text = write_plan(plan, codes, offsets, len(params), dpc.__version__)
        sources = {"plan.c": text.encode(), **host_headers()}
        for name, content in sources.items():
            keep(name, content)
        library = compile_shared(target, sources, "plan.c", [], "host.so")
        return BuildResult(
            {"bin/host.so": library, "params.safetensors": params, **made},
            {**_facts(plan), **facts},
        )

    def estimate(
        self, program: Program, target: Target, neighbors: float, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What an atom with so many neighbours should take on named cards, with its `lines`."""
        plan = self.plan(program, target)
        found = estimate(plan, neighbors, facts)
        return {**found, "lines": lines(found, facts, str(plan.dtype))}

    def compiled_facts(self, program: Program, target: Target) -> Mapping[str, Any]:
        """Resources of the compiled kernels; nothing where no compiler is."""
        try:
            return self.compile(self.plan(program, target), drop)[2]
        except ToolError:
            return {}

    def compile(
        self, plan: Plan, keep: Keep
    ) -> tuple[Mapping[str, str], Mapping[str, bytes], Mapping[str, Any]]:
        """Kernels: architecture to file, file to content, and facts for the report."""
        raise NotImplementedError


def _facts(plan: Plan) -> dict[str, Any]:
    """Sizes for the report, in bytes."""
    return {
        "precision": "mixed"
        if any(b.bf16 for b in plan.program.banks.values())
        else str(plan.dtype),
        "kernels": list(plan.kernels),
        "launches": len(plan.launches) + len(plan.finish),
        "bytes_per_center": bytes_per_center(plan),
        "bytes_per_atom": bytes_per_atom(plan),
        "arrays": {"+".join(one.names): dict(one.sizes) for one in share_arrays(plan)},
        "tensors": {name: int(array.nbytes) for name, array in plan.tensors.items()},
    }


def host_headers() -> dict[str, bytes]:
    """What plan.c includes."""
    own = (resources.files("dpc.backends.gpu") / "stages" / "launch.h").read_bytes()
    here = Path(dpc.__file__).parent
    for home in (here / "_runtime", here.parent / "runtime"):
        folder = home / "include"
        if (folder / "dpc_device.h").is_file():
            names = ("dpc_device.h", "dpc_model.h")
            return {"launch.h": own, **{name: (folder / name).read_bytes() for name in names}}
    raise DpcError(f"dpc_device.h is missing from {here}: dpc is not completely installed")
