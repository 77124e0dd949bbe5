"""AMD GPUs by the name of their instruction set."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dpc.targets.gpu import gpu_target, parse_archs
from dpc.targets.target import Gpu, Target

LOCAL_DATA_SHARE = 64 << 10
"""Shared memory of one block."""


def _arch(name: str) -> Target:
    gpu = Gpu("hip", warp=64, shared_bytes=LOCAL_DATA_SHARE, features=("bf16",))
    return gpu_target("rocm", name, gpu)


ARCHS: Mapping[str, Target] = MappingProxyType(
    {"gfx90a": _arch("gfx90a"), "gfx942": _arch("gfx942")}
)
"""Every architecture, from the least to the most capable: MI200 and MI300."""


def parse(option: str) -> Target:
    """One architecture or several; none named: all."""
    return parse_archs("rocm", option, ARCHS)
