"""Target: the facts about a machine that the compiler chooses by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType

from dpc.errors import UsageError, did_you_mean

ITEM_BYTES: Mapping[str, int] = MappingProxyType({"float64": 8, "float32": 4})
"""Bytes of one number of each dtype that kernels are made for."""

ALIGNMENT = 64
"""Bytes that every array handed to a kernel is aligned to, on any target."""

VECTORS = 3
"""Vectors of atoms in a full tile. Tiles of 1 and 2 serve what is left of few atoms."""


@dataclass(frozen=True)
class Gpu:
    """What kernels need to know of a GPU, for the least of those that a target names."""

    language: str  # that kernels are printed in: opencl, cuda or hip
    warp: int  # threads that run together
    shared_bytes: int  # the most that one block may declare
    tile: int = 64  # centres that one block of the fitting net takes
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """One machine.

    `kind` chooses the backend, `arch` is what the manifest and the user call the machine.
    `isa` is what libdpc checks before it runs the code (dpc_model.h). `features` are what
    the code needs beyond the level of the instruction set, as in "x86-64-v4+bf16". `others`
    are machines that a package serves besides, with code of their own: each can do more than
    the one before. With `gpu` the facts of a processor are those of the host, for which host.so
    is compiled.
    """

    kind: str
    arch: str
    isa: str
    vector_bytes: int
    registers: int
    triple: str
    mcpu: str
    mattr: tuple[str, ...] = ()
    cflags: tuple[str, ...] = ()
    fma: bool = True
    features: tuple[str, ...] = ()
    others: tuple[Target, ...] = ()
    gpu: Gpu | None = None
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __str__(self) -> str:
        if self.arch == self.kind:
            return self.kind
        return f"{self.kind}:{','.join(level.arch for level in self.levels)}"

    @property
    def levels(self) -> tuple[Target, ...]:
        """This machine alone and all others, from the least to the most capable."""
        return (replace(self, others=()), *self.others)

    def lanes(self, dtype: str = "float64") -> int:
        """Numbers in one vector (VL)."""
        return self.vector_bytes // ITEM_BYTES[dtype]

    def tile_atoms(self, dtype: str = "float64", vectors: int = VECTORS) -> int:
        """Atoms in one tile (TA): the lanes of every [feature][TA] array."""
        return self.gpu.tile if self.gpu else vectors * self.lanes(dtype)


def parse_target(text: str) -> Target:
    """The target a user names: `cpu`, `cpu:x86-64-v3`, …"""
    kind, _, option = text.partition(":")
    kinds = _kinds()
    if kind not in kinds:
        hint = did_you_mean(kind, kinds) or did_you_mean(text, _arch_names())
        known = ", ".join(sorted(kinds))
        raise UsageError(f"target {text!r}: no target is called {kind!r}.{hint} Known: {known}")
    return kinds[kind](option)


def _kinds() -> dict[str, Callable[[str], Target]]:
    from dpc.targets import cpu, cuda, fpga, opencl, rocm

    return {
        "cpu": cpu.parse,
        "cuda": cuda.parse,
        "opencl": opencl.parse,
        "rocm": rocm.parse,
        **{name: partial(fpga.parse, name) for name in fpga.PARTS},
    }


def _arch_names() -> list[str]:
    from dpc.targets import cpu, cuda, rocm

    archs = {"cpu": cpu.LEVELS, "cuda": cuda.ARCHS, "rocm": rocm.ARCHS}
    return [f"{kind}:{arch}" for kind, names in archs.items() for arch in names]
