"""NVIDIA GPUs by compute capability."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dpc.targets.gpu import gpu_target, parse_archs
from dpc.targets.target import Gpu, Target

STATIC_SHARED_BYTES = 48 << 10
"""What a block may declare in the text of a kernel, on every architecture."""


def _arch(name: str, *features: str) -> Target:
    gpu = Gpu("cuda", warp=32, shared_bytes=STATIC_SHARED_BYTES, features=features)
    return gpu_target("cuda", name, gpu)


ARCHS: Mapping[str, Target] = MappingProxyType(
    {
        "sm_80": _arch("sm_80", "bf16"),
        "sm_86": _arch("sm_86", "bf16"),
        "sm_89": _arch("sm_89", "bf16"),
        "sm_90": _arch("sm_90", "bf16"),
        "sm_100": _arch("sm_100", "bf16"),
        "sm_120": _arch("sm_120", "bf16"),
    }
)
"""Every architecture, from the least to the most capable."""

DEFAULT = "sm_80,sm_90,sm_100"


def parse(option: str) -> Target:
    """One architecture or several; none named: A100, H100 and B200."""
    return parse_archs("cuda", option or DEFAULT, ARCHS)
