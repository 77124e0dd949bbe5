"""Kernel specs to one object file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from dpc.backends.tvm import compat
from dpc.backends.tvm.kernels.spec import KernelSpec
from dpc.backends.tvm.tuning import Tuning, default_tuning
from dpc.errors import InputError
from dpc.targets import Target


@dataclass(frozen=True)
class Kernels:
    """Compiled kernels of one target: a relocatable object and its C header."""

    target: Target
    symbols: tuple[str, ...]
    object_bytes: bytes = field(repr=False)
    header: str = field(repr=False)
    _module: Any = field(repr=False, compare=False)

    def asm(self) -> str:
        """Assembly text, to read."""
        return compat.assembly(self._module)


def build_kernels(
    specs: Iterable[KernelSpec], target: Target, tuning: Tuning | None = None
) -> Kernels:
    """Compile every kernel of `specs` (equal specs once) into one object.

    `tuning` changes speed only; without it the target's defaults hold.

    The object has no undefined symbols. It is made to be linked into a library that
    exports other symbols only: the kernels themselves have default visibility, and TVM
    adds two weak functions (__truncsfhf2, __extendhfsf2) that nothing calls.
    """
    wanted = list(dict.fromkeys(specs))
    symbols = tuple(symbol for spec in wanted for symbol in spec.symbols())
    if len(set(symbols)) < len(symbols):
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        raise InputError(f"different kernels have the same name: {', '.join(twice)}")
    chosen = tuning or default_tuning(target)
    functions = [made for spec in wanted for made in spec.functions(target, chosen)]
    module = compat.compile_functions(functions, target)
    return Kernels(target, symbols, compat.object_bytes(module), _header(wanted), module)


def _header(specs: list[KernelSpec]) -> str:
    lines = [
        "/* Tile kernels. Every pointer is restrict and 64-byte aligned. */",
        "#ifndef DPC_KERNELS_H",
        "#define DPC_KERNELS_H",
        "",
        "#include <stdint.h>",
        "",
        *(line for spec in specs for line in spec.prototypes()),
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"
