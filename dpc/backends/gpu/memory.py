"""Memory on the device: arrays of a chunk that are never in use together are one array."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpc.backends.gpu.plan import Array, Plan


@dataclass(frozen=True)
class Shared:
    """One array of the device, and all that it is used for."""

    names: tuple[str, ...]
    sizes: Mapping[str, int]


def share_arrays(plan: Plan) -> list[Shared]:
    """The arrays there really are: the largest first, each into the first one that is free.

    Arrays whose content outlives the chunk stay alone.
    """
    alone = [Shared((a.name,), a.sizes) for a in plan.arrays.values() if a.kept]
    together: list[list[Array]] = []
    for array in sorted(_of_chunk(plan), key=lambda a: -a.sizes["center"]):
        free = (own for own in together if not any(_meet(plan, array, one) for one in own))
        found = next(free, None)
        if found is None:
            together.append([array])
        else:
            found.append(array)
    return [
        *(Shared(tuple(a.name for a in own), own[0].sizes) for own in together),
        *alone,
    ]


def bytes_per_center(plan: Plan) -> int:
    """What a chunk needs for each of its centres."""
    return sum(one.sizes.get("center", 0) for one in share_arrays(plan))


def bytes_per_atom(plan: Plan) -> int:
    """What the whole system needs for each of its atoms, apart from what libdpc keeps."""
    return sum(one.sizes.get("atom", 0) + one.sizes.get("local", 0) for one in share_arrays(plan))


def _of_chunk(plan: Plan) -> list[Array]:
    return [array for array in plan.arrays.values() if not array.kept]


def _meet(plan: Plan, a: Array, b: Array) -> bool:
    """Are both in use at some launch?"""
    first, second = _life(plan, a.name), _life(plan, b.name)
    return first[0] <= second[1] and second[0] <= first[1]


def _life(plan: Plan, name: str) -> tuple[int, int]:
    """The first and the last launch that uses an array."""
    used = [n for n, launch in enumerate(plan.launches) if name in launch.uses]
    return (min(used), max(used)) if used else (0, len(plan.launches))
