"""What a compiled kernel takes of a multiprocessor, as the vendor's compiler reports it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dpc.errors import DpcError


@dataclass(frozen=True)
class Resources:
    """Of one kernel. `spill_bytes`: registers that went to memory: a few cost little, and the
    report shows them."""

    registers: int
    shared_bytes: int
    spill_bytes: int
    stack_bytes: int


_ENTRY = re.compile(r"Compiling entry function '(\w+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")


def read_ptxas(log: str) -> dict[str, Resources]:
    """Of the report of `ptxas -v`."""
    found = {}
    parts = _ENTRY.split(log)
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        stack, used, shared = _STACK.search(text), _USED.search(text), _SHARED.search(text)
        if not (stack and used):
            raise DpcError(f"the report on kernel {name} is not one of ptxas -v:\n{text}")
        found[name] = Resources(
            int(used[1]),
            int(shared[1]) if shared else 0,
            int(stack[2]) + int(stack[3]),
            int(stack[1]),
        )
    return found


def read_clang(log: str) -> dict[str, Resources]:
    """Of clang's remarks `-Rpass-analysis=kernel-resource-usage` for amdgcn."""
    found: dict[str, Resources] = {}
    own: dict[str, str] = {}
    for line in log.splitlines():
        match = re.search(r"remark:.*?\s{1,}([A-Z][\w \[\]/]*): (\S+) \[-Rpass-analysis", line)
        if not match:
            continue
        key, value = match[1].strip(), match[2]
        if key == "Function Name":
            own = {"name": value}
            continue
        own[key] = value
        if key.startswith("LDS Size"):
            found[own["name"]] = Resources(
                int(own["VGPRs"]) + int(own.get("AGPRs", 0)),
                int(value),
                4 * (int(own["VGPRs Spill"]) + int(own["SGPRs Spill"])),
                int(own["ScratchSize [bytes/lane]"]),
            )
    return found


def to_facts(found: Mapping[str, Resources]) -> dict[str, Any]:
    """For the report of a package."""
    return {name: asdict(one) for name, one in sorted(found.items())}
