"""Tensor: a value in an ONNX graph, so that emitters read like the formulas they write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dpc.ir.types import DType

if TYPE_CHECKING:
    from dpc.backends.onnx.emission import Emission


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named value. Numbers beside it become constants of its dtype."""

    to: Emission
    name: str
    dtype: DType

    def op(self, kind: str, *others: Tensor, dtype: DType | None = None, **facts: Any) -> Tensor:
        """An ONNX node whose first input this is; the result has its dtype, or `dtype`."""
        return self.to.node(kind, self, *others, dtype=dtype or self.dtype, **facts)

    def _with(self, kind: str, other: Tensor | float, dtype: DType | None = None) -> Tensor:
        return self.op(kind, self._number(other), dtype=dtype)

    def _number(self, other: Tensor | float) -> Tensor:
        if isinstance(other, Tensor):
            return other
        return self.to.array(np.asarray(other, dtype=self.dtype.numpy))

    def __add__(self, other: Tensor | float) -> Tensor:
        return self._with("Add", other)

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self._with("Sub", other)

    def __mul__(self, other: Tensor | float) -> Tensor:
        return self._with("Mul", other)

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self._with("Div", other)

    def __matmul__(self, other: Tensor) -> Tensor:
        return self.op("MatMul", other)

    def __neg__(self) -> Tensor:
        return self.op("Neg")

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> Tensor:
        return self._number(other) - self

    def __and__(self, other: Tensor) -> Tensor:
        return self.op("And", other)

    def __or__(self, other: Tensor) -> Tensor:
        return self.op("Or", other)

    def equals(self, other: float) -> Tensor:
        """True where it is `other`."""
        return self._with("Equal", other, DType.BOOL)

    def less(self, other: float) -> Tensor:
        """True where it is smaller."""
        return self._with("Less", other, DType.BOOL)

    def greater(self, other: float) -> Tensor:
        """True where it is greater."""
        return self._with("Greater", other, DType.BOOL)

    def where(self, yes: Tensor | float, no: Tensor | float) -> Tensor:
        """Of a mask: `yes` where it is true, else `no`; one of both is a Tensor."""
        kind = yes if isinstance(yes, Tensor) else no
        assert isinstance(kind, Tensor)
        return self.op("Where", kind._number(yes), kind._number(no), dtype=kind.dtype)

    def clip(self, low: float, high: float) -> Tensor:
        """Between low and high."""
        return self.op("Clip", self._number(low), self._number(high))

    def at_least(self, low: float) -> Tensor:
        """The greater of both."""
        return self._with("Max", low)

    def cast(self, dtype: DType) -> Tensor:
        """Of another dtype."""
        if dtype is self.dtype:
            return self
        return self.op("Cast", dtype=dtype, to=self.to.onnx_type(dtype))

    def sum(self, *axes: int) -> Tensor:
        """The sum over some axes, which vanish."""
        return self.op("ReduceSum", self.to.ints(axes), keepdims=0)

    def unsqueeze(self, *axes: int) -> Tensor:
        """With axes of size 1 added: places in the result."""
        return self.op("Unsqueeze", self.to.ints(axes)) if axes else self

    def squeeze(self, axis: int) -> Tensor:
        """Without an axis of size 1."""
        return self.op("Squeeze", self.to.ints([axis]))

    def reshape(self, *shape: int) -> Tensor:
        """Of another shape; 0 keeps the dim at its place."""
        return self.op("Reshape", self.to.ints(shape))

    def transpose(self, *order: int) -> Tensor:
        """Axes in another order."""
        return self.op("Transpose", perm=list(order))

    def slice(self, axis: int, start: int, stop: int | Tensor) -> Tensor:
        """Entries start to stop of one axis."""
        end = stop if isinstance(stop, Tensor) else self.to.ints([stop])
        return self.op("Slice", self.to.ints([start]), end, self.to.ints([axis]))

    def gather(self, index: Tensor, axis: int = 0) -> Tensor:
        """Entries of one axis by index; a negative index counts from the end."""
        return self.op("Gather", index, axis=axis)

    def pad(self, axis: int, before: int, after: int) -> Tensor:
        """Zeros before and after along one axis."""
        if before == after == 0:
            return self
        zero = self._number(0)
        return self.op("Pad", self.to.ints([before, after]), zero, self.to.ints([axis]))

    def shape(self, start: int = 0, end: int | None = None) -> Tensor:
        """Its dims from start to end, i64."""
        end_fact = {} if end is None else {"end": end}
        return self.op("Shape", dtype=DType.I64, start=start, **end_fact)


def concat(parts: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors one after another along an axis."""
    return parts[0] if len(parts) == 1 else parts[0].op("Concat", *parts[1:], axis=axis)
