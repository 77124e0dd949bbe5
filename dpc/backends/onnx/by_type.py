"""Rows served by the net of their type, without a copy of the weights for each row.

* In the padded list the slots of each neighbour type are a block of columns, known from `sel`:
  each block goes through its own net, and nothing is computed twice.
* A net chosen by a pair of types runs, in each block, for every type of centre, and `Where`
  selects: ntypes times the work, in every runtime's plain dense ops.
* A net chosen by the centre (the fitting) likewise: every net on all atoms, then `Where`.

Rows of negative types, atoms outside the model, get 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dpc.backends.onnx.emission import Emission
from dpc.backends.onnx.tensor import Tensor, concat
from dpc.ir.op import Value
from dpc.ir.ops.types import NeighborType, TypePair

Net = Callable[[int, Sequence[Tensor]], Tensor]
"""What net k gives for arrays of rows; the first dims of arrays and result are the rows."""


def by_type(
    e: Emission, index: Value, count: int, rank: int, arrays: Sequence[Tensor], net: Net
) -> Tensor:
    """net(index[row], row of each array) for every row; the result has `rank` dims."""
    op = index.op
    if isinstance(op, NeighborType):
        return _blocks(op.sel, arrays, net)
    if isinstance(op, TypePair) and isinstance(op.tj.op, NeighborType):
        ti, sel = _beside(e, op.ti, rank), op.tj.op.sel

        def of_pair(tj: int, rows: Sequence[Tensor]) -> Tensor:
            return select(ti, [net(k * op.ntypes + tj, rows) for k in range(op.ntypes)])

        return _blocks(sel, arrays, of_pair)
    return select(_beside(e, index, rank), [net(k, arrays) for k in range(count)])


def _beside(e: Emission, index: Value, rank: int) -> Tensor:
    """The index with axes of size 1 behind it, up to `rank`."""
    return e(index).unsqueeze(*range(index.type.rank, rank))


def _blocks(sel: Sequence[int], arrays: Sequence[Tensor], net: Net) -> Tensor:
    parts, start = [], 0
    for t, size in enumerate(sel):
        if size:
            parts.append(net(t, [array.slice(1, start, start + size) for array in arrays]))
        start += size
    return concat(parts, axis=1)


def select(index: Tensor, choices: Sequence[Tensor]) -> Tensor:
    """choices[index] for every row, 0 where the index is negative."""
    found: Tensor | float = 0.0
    for k, choice in reversed(list(enumerate(choices))):
        found = index.equals(k).where(choice, found)
    assert isinstance(found, Tensor), "a bank has at least one net"
    return found
