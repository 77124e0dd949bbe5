"""Tensors in the order that kernels read them, and back.

A kernel wants the tensors of one net in one piece of memory (a blob), weights in blocks of
columns; it wants tables with a padded last dim. A package stores only that, since the
original order would double its size, and `metadata["dpc"]` says how to undo it.

A weight [inputs, outputs] in blocks of B columns: w[k, n] is at
    start + (n // B) * inputs * B + k * B + n % B
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.errors import DpcError

Arrays = Mapping[str, NDArray[Any]]
METADATA = "dpc"
DIGITS = 20
"""Bits of a label that are packed at a time."""


@dataclass(frozen=True)
class Piece:
    """One tensor inside a blob. `block` is 0 for a tensor in its own order."""

    name: str
    shape: tuple[int, ...]
    start: int
    block: int

    def places(self) -> NDArray[np.int64]:
        """Where each element of the tensor is in the blob; the tensor's shape."""
        if not self.block:
            size = int(np.prod(self.shape))
            return self.start + np.arange(size, dtype=np.int64).reshape(self.shape)
        inputs, outputs = self.shape
        k, n = np.arange(inputs)[:, None], np.arange(outputs)[None, :]
        b = self.block
        return self.start + (n // b) * inputs * b + k * b + n % b


@dataclass(frozen=True)
class Packing:
    """How to undo the packing: the pieces of each blob, and the widths of padded tensors."""

    blobs: Mapping[str, tuple[Piece, ...]]
    widths: Mapping[str, int]

    def to_metadata(self) -> dict[str, str]:
        """For the header of params.safetensors."""
        blobs = {
            name: [[p.name, list(p.shape), p.start, p.block] for p in pieces]
            for name, pieces in self.blobs.items()
        }
        content = {"blobs": blobs, "widths": dict(self.widths)}
        return {METADATA: json.dumps(content, separators=(",", ":"))}


def find_pieces(pack: Callable[[Arrays], NDArray[Any]], tensors: Arrays) -> tuple[Piece, ...]:
    """Where `pack` puts each tensor, found by packing numbers that name their own place."""
    numbers: dict[str, NDArray[Any]] = {}
    first = 1
    for name, tensor in tensors.items():
        numbers[name] = np.arange(first, first + tensor.size).reshape(tensor.shape)
        first += tensor.size
    labels = _packed_labels(pack, numbers)
    if labels.min() < 0 or labels.max() >= first:
        raise DpcError("the kernel changes the numbers of a net when it packs them")
    where = np.full(first, -1, dtype=np.int64)
    where[labels[::-1]] = np.arange(len(labels) - 1, -1, -1)  # the first place wins
    return tuple(_piece(name, where[numbers[name]], labels.size) for name in tensors)


def _packed_labels(
    pack: Callable[[Arrays], NDArray[Any]], numbers: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Whole numbers as `pack` orders them: in two halves, since a float32 blob has 24 bits."""
    halves = []
    for shift in (0, DIGITS):
        part = {name: (n >> shift) % (1 << DIGITS) for name, n in numbers.items()}
        blob = np.asarray(pack({name: n.astype(np.float64) for name, n in part.items()}))
        labels = blob.reshape(-1).astype(np.int64)
        if (labels != blob.reshape(-1)).any():
            raise DpcError("the kernel changes the numbers of a net when it packs them")
        halves.append(labels)
    return np.asarray(halves[0] + (halves[1] << DIGITS))


def _piece(name: str, places: NDArray[np.int64], size: int) -> Piece:
    start = int(places.flat[0]) if places.size else 0
    blocks: Iterable[int] = (0,) if places.ndim != 2 else (0, 2, 4, 8, 16, 32, 64)
    for block in blocks:
        piece = Piece(name, places.shape, start, block)
        if start >= 0 and np.array_equal(piece.places(), places) and size:
            return piece
    raise DpcError(f"the kernel packs tensor {name} {places.shape} in an order dpc cannot undo")


def unpack(arrays: Arrays, metadata: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The tensors of a program, from what a package stores."""
    content = json.loads(metadata.get(METADATA, '{"blobs":{},"widths":{}}'))
    found: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if name in content["blobs"]:
            flat = array.reshape(-1)
            for tensor, shape, start, block in content["blobs"][name]:
                found[tensor] = flat[Piece(tensor, tuple(shape), start, block).places()]
        elif name in content["widths"]:
            found[name] = array[..., : content["widths"][name]]
        else:
            found[name] = array
    return found
