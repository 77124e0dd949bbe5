"""Anything with an OpenCL 1.2 driver that has float64 and 64-bit atomics: GPUs and processors."""

from __future__ import annotations

from dpc.errors import UsageError
from dpc.targets.gpu import gpu_target
from dpc.targets.target import Gpu, Target

# what the standard guarantees for local memory of a full-profile device
TARGET = gpu_target("opencl", "opencl", Gpu(language="opencl", warp=1, shared_bytes=32 << 10))


def parse(option: str) -> Target:
    """The one OpenCL target: its code is source, which the driver compiles."""
    if option:
        raise UsageError(
            f"target 'opencl:{option}': opencl has no architectures, its code is source that "
            "the driver compiles for the device it finds. Use plain 'opencl'"
        )
    return TARGET
