"""What targets for GPUs share: the host they are driven from, and several architectures in one."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace

from dpc.errors import UsageError, did_you_mean
from dpc.targets.cpu import LEVELS
from dpc.targets.target import Gpu, Target


def gpu_target(kind: str, arch: str, gpu: Gpu) -> Target:
    """One architecture of GPU, driven by any processor like this machine's."""
    host = "aarch64" if platform.machine().lower() in ("aarch64", "arm64") else "x86-64-v2"
    return replace(LEVELS[host], kind=kind, arch=arch, features=(), gpu=gpu)


def parse_archs(kind: str, option: str, archs: Mapping[str, Target]) -> Target:
    """The target of one architecture, or of several with commas between them.

    No name at all means every one that is known.
    """
    names = [name for name in option.split(",") if name] or list(archs)
    for name in names:
        if name not in archs:
            raise UsageError(
                f"target '{kind}:{option}': no such architecture {name!r}."
                f"{did_you_mean(name, archs)} Known: {', '.join(archs)}"
            )
    if len(set(names)) < len(names):
        raise UsageError(f"target '{kind}:{option}': one of these is there twice")
    found = [archs[name] for name in sorted(names, key=list(archs).index)]
    return replace(found[0], others=tuple(found[1:]))
