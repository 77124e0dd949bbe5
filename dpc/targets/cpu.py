"""CPUs: instruction-set levels, and which of them this machine has."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Feature:
    """Instructions that some CPUs of a level have."""

    about: str
    levels: tuple[str, ...]
    cpuinfo: frozenset[str]  # its flags in /proc/cpuinfo
    mattr: tuple[str, ...]
    needs: tuple[str, ...] = ()  # other features, named first


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "bf16": Feature(
            about="AVX-512 BF16 (products of bfloat16 summed in float32)",
            levels=("x86-64-v4",),
            cpuinfo=frozenset({"avx512_bf16"}),
            mattr=("+avx512bf16",),
        ),
        "amx": Feature(
            about="AMX (products of 16 by 16 blocks of bfloat16)",
            levels=("x86-64-v4",),
            cpuinfo=frozenset({"amx_tile", "amx_bf16"}),
            mattr=("+amx-tile", "+amx-bf16"),
            needs=("bf16",),
        ),
    }
)
"""Every feature that kernels can use, by its name in a target. libdpc knows the same (isa.c)."""

# What each x86-64 level adds to the one below (System V ABI, x86-64 supplement,
# section "Micro-architecture levels"), in the words of /proc/cpuinfo.
_X86_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("x86-64-v2", frozenset("cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3".split())),
    ("x86-64-v3", frozenset("abm avx avx2 bmi1 bmi2 f16c fma movbe xsave".split())),
    ("x86-64-v4", frozenset("avx512f avx512bw avx512cd avx512dq avx512vl".split())),
)


# The same in the words of __builtin_cpu_supports of GCC and Clang.
_SUPPORTS: Mapping[str, str] = MappingProxyType(
    {
        "x86-64-v2": "sse3 ssse3 sse4.1 sse4.2 popcnt",
        "x86-64-v3": "avx avx2 bmi bmi2 fma",
        "x86-64-v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
        "bf16": "avx512bf16",
        "amx": "amx-tile amx-bf16",
    }
)


def parse(option: str) -> Target:
    """The CPU target of an instruction-set name; the empty name is this machine.

    Features that only some CPUs of a level have follow it: "x86-64-v4+bf16". Plain names
    have none, so that what is compiled for them runs on every CPU of the level. Several names
    with commas between them are one target with code for each.
    """
    if "," in option:
        return _several(option)
    name, *features = (option or host_level()).split("+")
    if name not in LEVELS:
        raise UsageError(
            f"target 'cpu:{option}': no such instruction set.{did_you_mean(name, LEVELS)} "
            f"Known: {', '.join(LEVELS)}, or plain 'cpu' for this machine"
        )
    target = LEVELS[name]
    for feature in features:
        target = with_feature(target, feature)
    return target


def _several(option: str) -> Target:
    """One target with code for several CPUs."""
    found = [parse(name) for name in option.split(",") if name]
    if len({level.triple for level in found}) > 1:
        raise UsageError(f"target 'cpu:{option}': one package cannot serve two kinds of processor")
    order = list(LEVELS)
    found.sort(key=lambda t: (order.index(t.arch.split("+")[0]), len(t.features)))
    if len({level.arch for level in found}) < len(found):
        raise UsageError(f"target 'cpu:{option}': one of these is there twice")
    return replace(found[0], others=tuple(found[1:]))


def cpu_supports(target: Target) -> tuple[str, ...]:
    """What a processor must have to run the code, in the words of __builtin_cpu_supports."""
    order = list(LEVELS)
    levels = order[: order.index(target.arch.split("+")[0]) + 1]
    words = [word for level in levels for word in _SUPPORTS[level].split()]
    return (*words, *(word for name in target.features for word in _SUPPORTS[name].split()))


def with_feature(target: Target, name: str) -> Target:
    """The target for CPUs that have a feature besides; itself if it has it already."""
    if name not in FEATURES:
        raise UsageError(
            f"target 'cpu:{target.arch}+{name}': no such feature.{did_you_mean(name, FEATURES)} "
            f"Known: {', '.join(FEATURES)}"
        )
    feature = FEATURES[name]
    if name in target.features:
        return target
    for other in feature.needs:
        target = with_feature(target, other)
    if target.arch.split("+")[0] not in feature.levels:
        raise UsageError(
            f"target {target}: {name} is {feature.about}, which goes with "
            f"{' or '.join(feature.levels)} only: try cpu:{feature.levels[0]}+{name}"
        )
    return replace(
        target,
        arch=f"{target.arch}+{name}",
        isa=f"{target.isa}+{name}",
        mattr=(*target.mattr, *feature.mattr),
        features=(*target.features, name),
    )


def with_bf16(target: Target) -> Target:
    """The target with bfloat16 products: those of AMX too, if that is a machine like this one."""
    with_amx = with_feature(target, "amx")
    return with_amx if runs_here(with_amx) else with_feature(target, "bf16")


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
    level = target.arch.split("+")[0]
    if level == "aarch64" or host == "aarch64":
        return level == host and not target.features
    found = _host_features()
    has = all(FEATURES[name].cpuinfo <= found for name in target.features)
    return has and order.index(level) <= order.index(host)


def _host_features() -> frozenset[str]:
    try:
        text = CPUINFO.read_text()
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
