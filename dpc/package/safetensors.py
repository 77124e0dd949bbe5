"""The safetensors format, with every tensor at a multiple of 64 bytes in the file.

    u64 length of the header | JSON header, blanks up to a multiple of 64 | data

The format allows no holes between tensors, so the holes that alignment makes are tensors
too, of bytes, called `padding.N`. The `safetensors` library reads these files as they are.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.errors import InputError

Arrays = Mapping[str, NDArray[Any]]

ALIGNMENT = 64
PADDING = "padding."
MAX_HEADER = 100_000_000

_NAMES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "BOOL": "|b1", "U8": "|u1"}
_DTYPES = {np.dtype(code): name for name, code in _NAMES.items()}


@dataclass(frozen=True)
class Layout:
    """Where the bytes of a file go. `offsets`: name to place in the file."""

    header: bytes
    offsets: dict[str, int]
    size: int


def _align(n: int) -> int:
    return -(-n // ALIGNMENT) * ALIGNMENT


def layout(arrays: Arrays, metadata: Mapping[str, str] | None = None) -> Layout:
    """Place the arrays in their order."""
    entries: dict[str, Any] = {}
    if metadata:
        entries["__metadata__"] = dict(sorted(metadata.items()))
    begins: dict[str, int] = {}
    at = 0
    for name, array in arrays.items():
        if name.startswith(PADDING) or name == "__metadata__":
            raise InputError(f"a tensor cannot be called {name!r}: the file format uses the name")
        if array.dtype not in _DTYPES:
            raise InputError(f"tensor {name!r}: {array.dtype} cannot be stored")
        begins[name] = at
        end = at + array.nbytes
        entries[name] = _entry(_DTYPES[array.dtype], array.shape, at, end)
        at = _align(end)
        if at != end:
            entries[f"{PADDING}{len(begins)}"] = _entry("U8", (at - end,), end, at)
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (_align(8 + len(text)) - 8 - len(text))
    start = 8 + len(text)
    return Layout(
        struct.pack("<Q", len(text)) + text,
        {name: start + begin for name, begin in begins.items()},
        start + at,
    )


def _entry(dtype: str, shape: tuple[int, ...], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def save(arrays: Arrays, metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a file that holds the arrays."""
    where = layout(arrays, metadata)
    parts = [where.header]
    for array in arrays.values():
        data = np.ascontiguousarray(array).tobytes()
        parts += [data, bytes(_align(len(data)) - len(data))]
    return b"".join(parts)


def load(data: bytes, where: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and metadata of a file's bytes; `where` names the file in errors."""
    header, start = _header(data, where)
    metadata = header.pop("__metadata__", {})
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        if not name.startswith(PADDING):
            arrays[name] = _array(data, start, name, entry, where)
    return arrays, metadata


def _header(data: bytes, where: str) -> tuple[dict[str, Any], int]:
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else -1
    if not 0 < size <= min(MAX_HEADER, len(data) - 8):
        raise InputError(f"{where}: not a safetensors file, or cut off in its header")
    try:
        header = json.loads(data[8 : 8 + size])
        assert isinstance(header, dict)
    except (ValueError, AssertionError):
        raise InputError(f"{where}: the header is not a JSON object: the file is damaged") from None
    return header, 8 + size


def _array(data: bytes, start: int, name: str, entry: Any, where: str) -> NDArray[Any]:
    try:
        dtype = np.dtype(_NAMES[entry["dtype"]])
        shape = tuple(map(int, entry["shape"]))
        begin, end = map(int, entry["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{where}: tensor {name!r} is described wrongly: {entry}") from None
    fits = min(shape, default=0) >= 0 and 0 <= begin <= end <= len(data) - start
    if not fits or math.prod(shape) * dtype.itemsize != end - begin:
        raise InputError(
            f"{where}: tensor {name!r} {shape} should lie at bytes {begin} to {end} of the data, "
            f"which has {len(data) - start}: the file is cut off or damaged"
        )
    return np.frombuffer(data, dtype, math.prod(shape), start + begin).reshape(shape)
