"""Element types, dims and array types: `f64[nloc, nnei, 4]`; ragged arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from dpc.errors import GraphError, InputError

NumpyArray = NDArray[Any]

Dim = int | str
"""A number, a symbol (`nloc`), or a ragged symbol (`nnei~`): as many rows as each atom has."""


class DType(StrEnum):
    """Type of one element."""

    F64 = "f64"
    F32 = "f32"
    I32 = "i32"
    I64 = "i64"
    BOOL = "bool"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy type."""
        return np.dtype(_NUMPY[self])

    @property
    def is_float(self) -> bool:
        """True for f64 and f32: what can be differentiated."""
        return self in (DType.F64, DType.F32)

    @property
    def bytes(self) -> int:
        """Size of one element."""
        return int(self.numpy.itemsize)

    @staticmethod
    def of(dtype: DTypeLike) -> DType:
        """From a NumPy type."""
        wanted = np.dtype(dtype)
        for name in DType:
            if name.numpy == wanted:
                return name
        raise GraphError(f"no dtype for NumPy's {wanted}; known: {', '.join(DType)}")


_NUMPY: dict[DType, DTypeLike] = {
    DType.F64: np.float64,
    DType.F32: np.float32,
    DType.I32: np.int32,
    DType.I64: np.int64,
    DType.BOOL: np.bool_,
}


def is_ragged(dim: Dim) -> bool:
    """True for `nnei~`."""
    return isinstance(dim, str) and dim.endswith("~")


@dataclass(frozen=True)
class ArrayType:
    """dtype and dims of an array, printed `f64[nloc, nnei, 4]`; a scalar is `f64[]`."""

    dtype: DType
    dims: tuple[Dim, ...] = ()

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.dims))}]"

    @property
    def rank(self) -> int:
        """Number of dims."""
        return len(self.dims)

    @property
    def ragged(self) -> bool:
        """True when one dim differs from atom to atom."""
        return any(map(is_ragged, self.dims))

    def with_dims(self, *dims: Dim) -> ArrayType:
        """The same dtype over other dims."""
        return replace(self, dims=dims)

    def with_dtype(self, dtype: DType) -> ArrayType:
        """The same dims of another dtype."""
        return replace(self, dtype=dtype)

    @staticmethod
    def parse(text: str) -> ArrayType:
        """From its printed form."""
        found = re.fullmatch(r"\s*(\w+)\s*\[(.*)\]\s*", text)
        if found is None or found[1] not in list(DType):
            raise GraphError(f"{text!r} is not an array type; expected, say, 'f64[nloc, 3]'")
        words = [word.strip() for word in found[2].split(",") if word.strip()]
        for word in words:
            if not re.fullmatch(r"\d+|[A-Za-z_]\w*~?", word):
                raise GraphError(f"{text!r}: {word!r} is not a dim; expected a number or a name")
        dims = tuple(int(word) if word.isdigit() else word for word in words)
        return ArrayType(DType(found[1]), dims)

    @staticmethod
    def of(array: NumpyArray) -> ArrayType:
        """The type of a NumPy array."""
        return ArrayType(DType.of(array.dtype), array.shape)


@dataclass(frozen=True, eq=False)
class Ragged:
    """A ragged array: the rows of all atoms in a line, and where each atom's rows begin.

    `values[offsets[i]:offsets[i + 1]]` are the rows of atom i.
    """

    values: NumpyArray  # [rows, ...]
    offsets: NumpyArray  # i64[nloc + 1]

    def __post_init__(self) -> None:
        ends = np.asarray(self.offsets, dtype=np.int64)
        object.__setattr__(self, "values", np.asarray(self.values))
        object.__setattr__(self, "offsets", ends)
        if ends.ndim != 1 or len(ends) < 1 or ends[0] != 0 or (np.diff(ends) < 0).any():
            raise InputError("ragged offsets must start at 0 and never decrease")
        if len(self.values) != ends[-1]:
            raise InputError(
                f"ragged values have {len(self.values)} rows, but the offsets end at {ends[-1]}"
            )

    @staticmethod
    def from_rows(rows: Sequence[Any], dtype: Any = None) -> Ragged:
        """From one array of rows for each atom."""
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(a) for a in arrays], dtype=np.int64)])
        empty = np.zeros(0, dtype=dtype if dtype is not None else np.int32)
        return Ragged(np.concatenate(arrays) if arrays else empty, offsets)

    @property
    def counts(self) -> NumpyArray:
        """Rows of each atom, i64[nloc]."""
        return np.diff(self.offsets)

    @property
    def dtype(self) -> Any:
        """dtype of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, atom: int) -> NumpyArray:
        rows: NumpyArray = self.values[self.offsets[atom] : self.offsets[atom + 1]]
        return rows
