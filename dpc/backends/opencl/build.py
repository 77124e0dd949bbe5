"""Kernels as OpenCL C: the driver compiles them when a package is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.backends.base import Keep
from dpc.backends.gpu.build import GpuBackend
from dpc.backends.gpu.plan import Plan
from dpc.backends.gpu.source import kernel_text

FILE = "bin/kernels.cl"


class OpenclBackend(GpuBackend):
    """Source in the package."""

    def compile(
        self, plan: Plan, keep: Keep
    ) -> tuple[Mapping[str, str], Mapping[str, bytes], Mapping[str, Any]]:
        """Nothing to compile."""
        text = kernel_text(plan, "opencl").encode()
        keep("kernels.cl", text)
        return {"opencl": FILE}, {FILE: text}, {}


backend = OpenclBackend()
