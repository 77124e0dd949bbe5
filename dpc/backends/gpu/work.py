"""Arithmetic and bytes of each kernel of a plan, for an average atom: counted, not measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpc.backends.gpu.plan import Kernel, Launch, Plan

ENVIRONMENT = 40.0
"""Flops of one neighbour: distance, switch, the row."""

CHAIN_RULE = 70.0
"""Of one neighbour: dE/dr, its force as whole numbers, nine numbers of the virial."""

ACTIVATION = 30.0
"""Of one value of a hidden layer, with its slope."""

LIST_ENTRY = 8.0
"""Of one entry of the list with its skin, all in double."""


@dataclass(frozen=True)
class Work:
    """Of one atom in one kernel.

    `flops` are what the model needs, `executed` what the blocks compute, with the rows and
    columns that fill up their tiles. `memory`: bytes that the kernel reads and writes of the
    arrays of the chunk and of the list, each once. `cached`: bytes of tables, weights and
    positions that neighbours share, from the caches.
    """

    kernel: str
    format: str
    flops: float
    executed: float
    memory: float
    cached: float = 0.0


def plan_work(plan: Plan, neighbors: float, entries: float) -> list[Work]:
    """Every launch of a chunk; `entries` of an atom's list lie within cutoff and skin."""
    found = []
    for launch in plan.launches:
        if launch.condition:
            continue
        kernel = plan.kernels[launch.kernel]
        format = "f64" if kernel.file in ("neighbors.h", "sums.h") else str(plan.dtype)
        format = "bf16" if kernel.defines.get("MATRIX") else format
        flops, executed, cached = _work(plan, kernel, neighbors, entries)
        memory = _arrays(plan, launch, neighbors)
        if kernel.file == "neighbors.h":
            memory += 4 * entries
        found.append(Work(launch.kernel, format, flops, executed, memory, cached))
    return found


def _arrays(plan: Plan, launch: Launch, neighbors: float) -> float:
    """Bytes of the arrays of the chunk; of the rows only those there are."""
    sizes = {name: float(plan.arrays[name].sizes.get("center", 0)) for name in launch.uses}
    if "rows" in sizes:
        sizes["rows"] = 4 * neighbors
    return sum(sizes.values())


def _work(plan: Plan, kernel: Kernel, n: float, entries: float) -> tuple[float, float, float]:
    """flops, executed, cached."""
    size: Any = {**plan.defines, **kernel.defines}
    real = plan.real_bytes
    match kernel.file:
        case "neighbors.h":
            return LIST_ENTRY * entries, LIST_ENTRY * entries, 28 * entries
        case "contract.h":
            flops = n * (ENVIRONMENT + _embedding(plan) + 8 * size["M"])
            lanes = size["CONTRACT_LANES"] * size["CONTRACT_COLUMNS"] / size["M"]
            return flops, flops * lanes, n * (24 + _row_bytes(plan))
        case "force.h":
            flops = n * (ENVIRONMENT + CHAIN_RULE + 2.2 * _embedding(plan) + 17 * size["M"])
            lanes = size["FORCE_LANES"]
            executed = flops * (-(-size["M"] // lanes) * lanes) / size["M"]
            return flops, executed, n * (24 + 24 + _row_bytes(plan))
        case "products.h":
            each = 7 if size["FORWARD"] else 16
            return each * size["PAIRS"], each * size["PAIRS"], 8 * size["PAIRS"]
        case "expand.h":
            flops = 8.0 * size["FROM"] * size["TO"]
            return flops, flops, size["FROM"] * size["TO"] * real
        case "layer.h":
            inner, outer = size["INNER"], size["OUTER"]
            rest = outer * (ACTIVATION if size["FORWARD"] else 3)
            steps = -(-inner // size["TILE_K"]) * size["TILE_K"]
            tiles = size["COLUMN_BLOCKS"] * size["TILE_N"]
            cached = inner * outer * real / size["TILE_M"]
            again = (size["COLUMN_BLOCKS"] - 1) * inner * real  # rows of x for other columns
            return 2.0 * inner * outer + rest, 2.0 * steps * tiles + rest, cached + again
        case "head.h":
            return 2.0 * size["INNER"], 2.0 * size["INNER"], 0.0
    return 10.0, 10.0, 0.0


def _embedding(plan: Plan) -> float:
    """Flops of G of one neighbour."""
    if not plan.defines["NET"]:
        return 10.0 * int(plan.defines["M"])
    return 2.0 * int(plan.defines["NET_SIZE"])


def _row_bytes(plan: Plan) -> float:
    """Bytes of the table that one neighbour reads."""
    return 6.0 * int(plan.defines["M"]) * plan.real_bytes if not plan.defines["NET"] else 0.0
