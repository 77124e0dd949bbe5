"""Kernels as CUDA C++, compiled to a cubin for each architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.backends.base import Keep
from dpc.backends.cuda.nvrtc import compile_cubin
from dpc.backends.cuda.sass import count_instructions
from dpc.backends.gpu.build import GpuBackend
from dpc.backends.gpu.plan import Plan
from dpc.backends.gpu.resources import read_ptxas, to_facts
from dpc.backends.gpu.source import kernel_text


class CudaBackend(GpuBackend):
    """One cubin for each architecture of the target."""

    def compile(
        self, plan: Plan, keep: Keep
    ) -> tuple[Mapping[str, str], Mapping[str, bytes], Mapping[str, Any]]:
        """The driver takes the cubin of its own architecture, or of a lesser one of the same
        generation."""
        text = kernel_text(plan, "cuda")
        keep("kernels.cu", text.encode())
        codes, files, resources, instructions = {}, {}, {}, {}
        for level in plan.target.levels:
            cubin, log = compile_cubin(text, level.arch)
            found = read_ptxas(log)
            codes[level.arch] = path = f"bin/{level.arch}.cubin"
            files[path] = cubin
            resources[level.arch] = to_facts(found)
            counts = count_instructions(cubin)
            if counts:
                instructions[level.arch] = counts
        facts = {"resources": resources}
        return codes, files, {**facts, "instructions": instructions} if instructions else facts


backend = CudaBackend()
