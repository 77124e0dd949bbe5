"""Arithmetic on arrays of equal types."""

from __future__ import annotations

import numpy as np

from dpc.ir.evaluate import Evaluation
from dpc.ir.op import Op, Value, op
from dpc.ir.params import Param
from dpc.ir.ragged import Array, each
from dpc.ir.types import ArrayType, DType, NumpyArray


@op("add")
class Add(Op):
    """a + b.

    %y = add %a, %b : f64[nloc, 100]
    """

    a: Value
    b: Value

    def infer(self) -> ArrayType:
        self.require(self.a.type == self.b.type, f"{self.a.type} and {self.b.type} differ")
        return self.a.type

    def eval(self, at: Evaluation, a: Array, b: Array) -> Array:
        return each(np.add, a, b)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return d, d


@op("multiply")
class Multiply(Op):
    """a b, element by element.

    %y = multiply %a, %b : f64[nloc, 100]
    """

    a: Value
    b: Value

    def infer(self) -> ArrayType:
        self.require(self.a.type == self.b.type, f"{self.a.type} and {self.b.type} differ")
        return self.a.type

    def eval(self, at: Evaluation, a: Array, b: Array) -> Array:
        return each(np.multiply, a, b)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return Multiply(d, self.b).out, Multiply(self.a, d).out


@op("scale")
class Scale(Op):
    """A number times an array.

    %y = scale %a, factor=-1.0 : f64[nall, 3]
    """

    a: Value
    factor: float

    def infer(self) -> ArrayType:
        self.require(self.a.dtype.is_float, f"needs floats, not {self.a.type}")
        return self.a.type

    def eval(self, at: Evaluation, a: Array) -> Array:
        return each(lambda x: x * x.dtype.type(self.factor), a)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (Scale(d, self.factor).out,)


@op("cast")
class Cast(Op):
    """The same numbers in another dtype.

    %y = cast %a, dtype=f32 : f32[nloc, 100]
    """

    a: Value
    dtype: DType

    def infer(self) -> ArrayType:
        return self.a.type.with_dtype(self.dtype)

    def eval(self, at: Evaluation, a: Array) -> Array:
        return each(lambda x: x.astype(self.dtype.numpy), a)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (Cast(d, self.a.dtype).out if self.a.dtype.is_float else None,)


@op("concat")
class Concat(Op):
    """Arrays side by side along the last dim.

    %y = concat (%a, %b) : f64[nloc, 120]
    """

    parts: tuple[Value, ...]

    def infer(self) -> ArrayType:
        self.require(len(self.parts) > 0, "needs at least one array")
        first, width = self.parts[0].type, 0
        for part in self.parts:
            last = part.dims[-1] if part.dims else None
            if not isinstance(last, int):
                self.require(False, f"the last dim of {part.type} is not a number")
            else:
                width += last
            same = part.dtype == first.dtype and part.dims[:-1] == first.dims[:-1]
            self.require(same, f"{first} and {part.type} differ before the last dim")
        return first.with_dims(*first.dims[:-1], width)

    def eval(self, at: Evaluation, *parts: Array) -> Array:
        return each(lambda *xs: np.concatenate(xs, axis=-1), *parts)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        adjoints, start = [], 0
        for part in self.parts:
            width = int(part.dims[-1])
            adjoints.append(Slice(d, start, width).out)
            start += width
        return tuple(adjoints)


@op("slice")
class Slice(Op):
    """Some columns of the last dim.

    %y = slice %a, start=0, width=100 : f64[nloc, 100]
    """

    a: Value
    start: int
    width: int

    def infer(self) -> ArrayType:
        last = self.a.dims[-1] if self.a.dims else None
        inside = isinstance(last, int) and 0 <= self.start <= self.start + self.width <= last
        self.require(
            inside, f"columns {self.start} to {self.start + self.width} are not in {self.a.type}"
        )
        return self.a.type.with_dims(*self.a.dims[:-1], self.width)

    def eval(self, at: Evaluation, a: Array) -> Array:
        return each(lambda x: x[..., self.start : self.start + self.width], a)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (SliceVjp(d, self.start, int(self.a.dims[-1])).out,)


@op("slice_vjp")
class SliceVjp(Op):
    """Adjoint of slice: columns put back among zeros.

    %da = slice_vjp %d, start=0, width=120 : f64[nloc, 120]
    """

    d: Value
    start: int
    width: int

    def infer(self) -> ArrayType:
        fits = 0 <= self.start and self.start + int(self.d.dims[-1]) <= self.width
        self.require(fits, f"{self.d.type} does not fit at {self.start} of {self.width} columns")
        return self.d.type.with_dims(*self.d.dims[:-1], self.width)

    def eval(self, at: Evaluation, d: Array) -> Array:
        def put(x: NumpyArray) -> NumpyArray:
            y = np.zeros((*x.shape[:-1], self.width), dtype=x.dtype)
            y[..., self.start : self.start + x.shape[-1]] = x
            return y

        return each(put, d)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (Slice(d, self.start, int(self.d.dims[-1])).out,)


@op("constant")
class Constant(Op):
    """Numbers of the program itself.

    %c = constant value=@shift : f64[2, 4]
    """

    value: Param

    def infer(self) -> ArrayType:
        return self.value.type

    def eval(self, at: Evaluation) -> NumpyArray:
        return at.param(self.value)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return ()


@op("ones_like")
class OnesLike(Op):
    """Ones: the adjoint that a derivative begins with.

    %d = ones_like %atom_energy : f64[nloc]
    """

    like: Value

    def infer(self) -> ArrayType:
        return self.like.type

    def eval(self, at: Evaluation, like: Array) -> Array:
        return each(np.ones_like, like)

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        return (None,)
