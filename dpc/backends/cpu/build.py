"""A fused program to host.so and params.safetensors for a CPU."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import dpc
from dpc.backends.base import BuildResult, Keep, Problem, drop, refuse_problems
from dpc.backends.cpu import emitters
from dpc.backends.host.cc import SYMBOL, compile_object, compile_shared, find_compiler
from dpc.backends.host.levels import entry_name, write_levels
from dpc.backends.host.numbers import Numbers
from dpc.backends.host.plan import Plan, make_plan, place_buffers
from dpc.backends.host.walk import fuse_first, problems_of
from dpc.backends.host.write import write_plan
from dpc.backends.tvm import tuned
from dpc.errors import DpcError, InputError
from dpc.ir.program import Program
from dpc.targets import Target

WHO = "The cpu backend"
BF16 = "Compile for cpu:x86-64-v4+bf16, or with --precision f32."
ALWAYS = ("energy.h", "environment.h", "force.h", "lanes.h", "neighbors.h", "profile.h")


class CpuBackend:
    """Programs in the form that passes exact_neighbors and fuse leave."""

    def check(self, program: Program, target: Target) -> list[Problem]:
        """Ops without code, missing outputs, numbers of the wrong precision."""
        graph = program.energy
        problems = problems_of(program, emitters.EMITTERS, emitters.OUTPUTS, WHO)
        problems += _features(program, target)
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
        plan.headers += ALWAYS
        emitters.finish(plan)
        return plan

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """Kernels, plan.c, host.so."""
        refuse_problems(self.check(program, target), target)
        find_compiler(target)  # before TVM has worked for seconds
        plans = [self.plan(program, level) for level in target.levels]
        numbers = Numbers.of(plans)
        missing = set(program.tensors()) - numbers.programs_own()
        if missing:
            raise DpcError(f"the plan stores no {', '.join(sorted(missing))}")
        params = numbers.file()
        one = plans[0] if len(plans) == 1 else None
        if one:
            sources = self._sources(one, numbers, len(params), SYMBOL)
            _keep(sources, keep)
            library = compile_shared(target, sources, "plan.c", ["kernels.o"], "host.so")
        else:
            library = self._several(plans, numbers, len(params), keep)
        return BuildResult(
            {"bin/host.so": library, "params.safetensors": params},
            self.facts(plans[-1]),
        )

    def _several(self, plans: list[Plan], numbers: Numbers, params_bytes: int, keep: Keep) -> bytes:
        """host.so with the code of every level."""
        objects: dict[str, bytes] = {}
        for plan in plans:
            name = entry_name(plan.target)
            sources = self._sources(plan, numbers, params_bytes, name)
            _keep({f"{plan.target.arch}/{file}": text for file, text in sources.items()}, keep)
            objects[f"{name}.o"] = compile_object(
                plan.target, sources, "plan.c", ["kernels.o"], name
            )
        levels = tuple(plan.target for plan in plans)
        ntypes = plans[0].program.facts.ntypes
        text = write_levels(levels, ntypes, max(plan.tile for plan in plans), params_bytes)
        sources = {"levels.c": text.encode(), "dpc_model.h": abi_header()}
        _keep(sources, keep)
        files = {**sources, **objects}
        return compile_shared(levels[0], files, "levels.c", list(objects), "host.so")

    def _sources(
        self, plan: Plan, numbers: Numbers, params_bytes: int, entry: str
    ) -> dict[str, bytes]:
        """Everything that the C compiler needs for one level."""
        from dpc.backends.tvm.build import build_kernels

        kernels = build_kernels(plan.kernels, plan.target, tuned.load(plan.target, plan.real))
        text = write_plan(plan, numbers.offsets(plan), params_bytes, dpc.__version__, entry)
        return {
            "plan.c": text.encode(),
            "kernels.h": kernels.header.encode(),
            "kernels.o": kernels.object_bytes,
            **stage_files(),
            "dpc_model.h": abi_header(),
        }

    def facts(self, plan: Plan) -> dict[str, Any]:
        """Sizes for the report, in bytes."""
        _, fixed = place_buffers(plan)
        mixed = any(bank.bf16 for bank in plan.program.banks.values())
        return {
            "precision": "mixed" if mixed else str(plan.dtype),
            "tile_atoms": plan.tile,
            "tuned": tuned.load(plan.target, plan.real) is not None,
            "workspace_bytes": fixed,
            "kernels": [symbol for spec in plan.kernels for symbol in spec.symbols()],
            "tensors": {name: int(array.nbytes) for name, array in plan.tensors.items()},
        }


def _features(program: Program, target: Target) -> list[Problem]:
    """Nets that need instructions the target does not promise."""
    return [
        Problem(str(bank), "has hidden layers in bf16, which the target does not promise", BF16)
        for bank in program.banks.values()
        if bank.bf16 and not any("bf16" in level.features for level in target.levels)
    ]


def _keep(sources: dict[str, bytes], keep: Keep) -> None:
    for name, content in sources.items():
        keep(name, content)


def stage_files() -> dict[str, bytes]:
    """The C stages by name."""
    folder = resources.files("dpc.backends.cpu") / "stages"
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".h")
    }


def abi_header() -> bytes:
    """runtime/include/dpc_model.h, from the repository or from the installed copy."""
    here = Path(dpc.__file__).parent
    for home in (here / "_runtime", here.parent / "runtime"):
        file = home / "include" / "dpc_model.h"
        if file.is_file():
            return file.read_bytes()
    raise DpcError(f"dpc_model.h is missing from {here}: dpc is not completely installed")


backend = CpuBackend()
