"""Kernels as HIP, compiled to a code object for each architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.backends.base import Keep
from dpc.backends.gpu.build import GpuBackend
from dpc.backends.gpu.plan import Plan
from dpc.backends.gpu.resources import read_clang, to_facts
from dpc.backends.gpu.source import kernel_text
from dpc.backends.rocm.clang import compile_code_object


class RocmBackend(GpuBackend):
    """One code object for each architecture of the target."""

    def compile(
        self, plan: Plan, keep: Keep
    ) -> tuple[Mapping[str, str], Mapping[str, bytes], Mapping[str, Any]]:
        """A code object runs on its own architecture only."""
        text = kernel_text(plan, "hip")
        keep("kernels.hip", text.encode())
        codes, files, resources = {}, {}, {}
        for level in plan.target.levels:
            code, log = compile_code_object(text, level.arch)
            found = read_clang(log)
            codes[level.arch] = path = f"bin/{level.arch}.hsaco"
            files[path] = code
            resources[level.arch] = to_facts(found)
        return codes, files, {"resources": resources}


backend = RocmBackend()
