"""Types, ragged arrays, attributes of ops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dpc.errors import GraphError, InputError
from dpc.ir.builder import Builder
from dpc.ir.ragged import centers, flat, like
from dpc.ir.types import ArrayType, DType, Ragged


@pytest.mark.parametrize("text", ["f64[nloc, nnei~, 4]", "i32[]", "bool[3]", "f32[nall, 3]"])
def test_array_type_text(text: str) -> None:
    assert str(ArrayType.parse(text)) == text


@pytest.mark.parametrize("text", ["f64", "f65[3]", "f64[3", "f64[-3]", "f64[a b]", "f64[3~]"])
def test_array_type_refuses(text: str) -> None:
    with pytest.raises(GraphError):
        ArrayType.parse(text)


def test_dtype() -> None:
    for dtype in DType:
        assert DType.of(dtype.numpy) is dtype
    with pytest.raises(GraphError, match="no dtype for NumPy's complex128"):
        DType.of(complex)


def test_ragged() -> None:
    x = Ragged.from_rows([[1, 2], [], [3]], np.int32)
    assert (len(x), x.counts.tolist(), x.values.dtype) == (3, [2, 0, 1], np.int32)
    assert [row.tolist() for row in (x[0], x[1], x[2])] == [[1, 2], [], [3]]
    assert centers(x).tolist() == [0, 0, 2]
    assert flat(x).tolist() == [1, 2, 3]
    again = like(x, np.array([[1.0], [2], [4]]))
    assert isinstance(again, Ragged)
    assert len(Ragged.from_rows([])) == 0


def test_padded_looks_the_same() -> None:
    x = np.arange(6).reshape(3, 2)
    assert centers(x).tolist() == [0, 0, 1, 1, 2, 2]
    assert like(x, flat(x)).tolist() == x.tolist()


@pytest.mark.parametrize(
    ("values", "offsets"),
    [([1, 2], [0, 1]), ([1, 2], [1, 2]), ([1, 2], [0, 2, 1, 2]), ([1, 2], []), ([1], [[0, 1]])],
)
def test_ragged_refuses(values: Any, offsets: Any) -> None:
    with pytest.raises(InputError, match="ragged"):
        Ragged(np.array(values), np.array(offsets, dtype=np.int64))


def test_attributes_are_plain_python() -> None:
    """Numbers of NumPy and lists become what the text says of them."""
    b = Builder()
    x = b.input("x", "f64[nloc, 4, 5]")
    op = b.outer(x, axis_neuron=np.int64(3)).op
    assert type(op.axis_neuron) is int
    assert type(b.scale(x, factor=2).op.factor) is float
    assert type(b.scale(x, factor=np.float64(2)).op.factor) is float
    coord, atype = b.input("c", "f64[nall, 3]"), b.input("t", "i32[nall]")
    nlist = b.input("n", "i32[nloc, nnei]")
    assert b.neighbor_type(atype, nlist, sel=[np.int32(1), 2]).op.sel == (1, 2)
    assert b.displacement(coord, nlist, name="r").name == "r"


WRONG = [
    (lambda b, x: b.outer(x, axis_neuron=6), "axis_neuron is 6, but must be 1 to 5"),
    (lambda b, x: b.add(x, b.cast(x, dtype="f32")), "f64[nloc, 4, 5] and f32[nloc, 4, 5] differ"),
    (lambda b, x: b.slice(x, start=3, width=3), "columns 3 to 6 are not in f64[nloc, 4, 5]"),
    (lambda b, x: b.concat((x, b.sum_atoms(x))), "differ before the last dim"),
    (lambda b, x: b.concat(()), "needs at least one array"),
    (lambda b, x: b.displacement(x, b.input("n", "i32[nloc, nnei]")), "needs coord [nall, 3]"),
    (lambda b, x: b.radial(x), "needs [nloc, nnei, 4]"),
    (lambda b, x: b.contract(x, b.sum_atoms(x), scale=1.0), "must agree in dtype, atoms"),
    (lambda b, x: b.scale(b.input("i", "i32[n]"), factor=2.0), "needs floats"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_ops_refuse(make: Any, message: str) -> None:
    b = Builder()
    with pytest.raises(GraphError) as caught:
        make(b, b.input("x", "f64[nloc, 4, 5]"))
    assert message in str(caught.value)


def test_no_such_op() -> None:
    with pytest.raises(AttributeError, match="no 'contrakt'"):
        _ = Builder().contrakt
