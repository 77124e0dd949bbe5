"""CPUs: instruction-set levels, and which of them this machine has."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from dpc.errors import UsageError, did_you_mean
from dpc.targets.target import Target

CPUINFO = Path("/proc/cpuinfo")

LEVELS: Mapping[str, Target] = MappingProxyType(
    {
        "x86-64-v2": Target(
            kind="cpu",
            arch="x86-64-v2",
            isa="x86-64-v2",
            vector_bytes=16,
            registers=16,
            triple="x86_64-linux-gnu",
            mcpu="x86-64-v2",
            cflags=("-march=x86-64-v2",),
            fma=False,
            outputs=4,
        ),
        "x86-64-v3": Target(
            kind="cpu",
            arch="x86-64-v3",
            isa="x86-64-v3",
            vector_bytes=32,
            registers=16,
            triple="x86_64-linux-gnu",
            mcpu="x86-64-v3",
            cflags=("-march=x86-64-v3",),
            outputs=4,
        ),
        # The level alone makes LLVM and GCC prefer 256-bit vectors; ours are 512.
        "x86-64-v4": Target(
            kind="cpu",
            arch="x86-64-v4",
            isa="x86-64-v4",
            vector_bytes=64,
            registers=32,
            triple="x86_64-linux-gnu",
            mcpu="x86-64-v4",
            mattr=("-prefer-256-bit",),
            cflags=("-march=x86-64-v4", "-mprefer-vector-width=512"),
        ),
        "aarch64": Target(
            kind="cpu",
            arch="aarch64",
            isa="aarch64",
            vector_bytes=16,
            registers=32,
            triple="aarch64-linux-gnu",
            mcpu="generic",
            mattr=("+neon",),
            cflags=("-march=armv8-a",),
        ),
    }
)
"""Every CPU target by the name of its instruction set."""

# What each x86-64 level adds to the one below (System V ABI, x86-64 supplement,
# section "Micro-architecture levels"), in the words of /proc/cpuinfo.
_X86_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("x86-64-v2", frozenset("cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3".split())),
    ("x86-64-v3", frozenset("abm avx avx2 bmi1 bmi2 f16c fma movbe xsave".split())),
    ("x86-64-v4", frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())),
)


def parse(option: str) -> Target:
    """The CPU target of an instruction-set name; the empty name is this machine."""
    name = option or host_level()
    if name not in LEVELS:
        raise UsageError(
            f"target 'cpu:{option}': no such instruction set.{did_you_mean(name, LEVELS)} "
            f"Known: {', '.join(LEVELS)}, or plain 'cpu' for this machine"
        )
    return LEVELS[name]


def host_level() -> str:
    """The instruction set of this machine, named as in LEVELS.

    Where the features cannot be read, x86-64-v2: it runs on every x86-64 CPU since 2009.
    """
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return "aarch64"
    if machine not in ("x86_64", "amd64"):
        raise UsageError(
            f"target 'cpu': this machine is a {platform.machine()!r}, which dpc has no kernels "
            f"for. Name one to compile for: {', '.join(f'cpu:{name}' for name in LEVELS)}"
        )
    return x86_level(_host_features())


def x86_level(features: frozenset[str]) -> str:
    """The highest x86-64 level whose features, and those of the levels below, are there."""
    level = "x86-64-v2"
    for name, needs in _X86_LEVELS:
        if not needs <= features:
            break
        level = name
    return level


def runs_here(target: Target) -> bool:
    """Can this machine run code made for `target`?"""
    order = list(LEVELS)
    try:
        host = host_level()
    except UsageError:
        return False
    if target.arch == "aarch64" or host == "aarch64":
        return target.arch == host
    return order.index(target.arch) <= order.index(host)


def _host_features() -> frozenset[str]:
    try:
        text = CPUINFO.read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()
