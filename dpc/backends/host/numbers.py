"""params.safetensors: the numbers that one plan or several read, those of equal bytes once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dpc.backends.host.plan import Plan
from dpc.package import safetensors
from dpc.package.packed import Packing


@dataclass(frozen=True)
class Numbers:
    """Tensors by the name they are stored by, and what each plan calls them."""

    tensors: Mapping[str, NDArray[Any]]
    packing: Packing
    names: Sequence[tuple[Plan, Mapping[str, str]]]

    @staticmethod
    def of(plans: Sequence[Plan]) -> Numbers:
        """What a later plan packs in another way is stored besides, under a name of its own."""
        tensors: dict[str, NDArray[Any]] = {}
        blobs, widths, names = {}, {}, []
        for plan in plans:
            stored = {
                name: _name(name, array, plan, tensors) for name, array in plan.tensors.items()
            }
            tensors |= {stored[name]: array for name, array in plan.tensors.items()}
            blobs |= {stored[name]: pieces for name, pieces in plan.packing.blobs.items()}
            widths |= {stored[name]: width for name, width in plan.packing.widths.items()}
            names.append((plan, stored))
        return Numbers(tensors, Packing(blobs, widths), names)

    def file(self) -> bytes:
        """The content of params.safetensors."""
        return safetensors.save(self.tensors, self.packing.to_metadata())

    def offsets(self, plan: Plan) -> dict[str, int]:
        """Bytes from the start of the file to each tensor of a plan."""
        place = safetensors.layout(self.tensors, self.packing.to_metadata())
        (stored,) = (stored for one, stored in self.names if one is plan)
        return {name: place.offsets[where] for name, where in stored.items()}

    def programs_own(self) -> set[str]:
        """The tensors of the program that can be had from the file."""
        pieces = {piece.name for pieces in self.packing.blobs.values() for piece in pieces}
        return pieces | set(self.tensors)


def _name(name: str, array: NDArray[Any], plan: Plan, tensors: Mapping[str, NDArray[Any]]) -> str:
    known = tensors.get(name)
    if known is None or _same(known, array):
        return name
    return f"{name}@{plan.target.arch}"


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Equal to the bit."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
