"""Integers that gradients can be asked of: the third kind of numbers of dpc.ir.fixed.pipeline.

They are whole numbers in float64, in which every sum below 2^53 is exact; sums of the pipeline
have 48 bits (docs/explain/fixed-point.md, section 8), so forward every bit is that of the circuit.
Backward, rounding counts as the identity (straight-through): d round(x / 2^s) / dx = 2^-s, and 0
where a value was clipped. Bengio, Léonard, Courville, arXiv:1308.3432.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from dpc.ir.fixed.numbers import cubic
from dpc.ir.fixed.shape import T_BITS, Z_BITS, Contents
from dpc.ir.types import NumpyArray


class StraightThrough:
    """The numbers of one evaluation; `contents` are those of the circuit.

    Pair tables do not learn: Integers have looked them up before (pipeline.gather).
    """

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def narrow(self, name: str, x: Any, shift: Any, bits: int) -> Any:
        """Rounded and saturated, as Integers do."""
        scale = torch.exp2(-torch.as_tensor(shift, dtype=torch.float64))
        return _Narrow.apply(x, scale, bits)

    def activation(self, z: Any) -> tuple[Any, Any]:
        """f and its slope from the stored table."""
        return _Activation.apply(z, self.contents)

    def total(self, index: Any, values: Any, count: int) -> Any:
        """Sums [count, ..] of the values that have the same index."""
        found = values.new_zeros(count, *values.shape[1:])
        return found.index_add(0, torch.as_tensor(index), values)

    def concatenate(self, parts: list[Any]) -> Any:
        """One after the other."""
        return torch.cat(parts)


class _Narrow(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, bits: int) -> Tensor:
        rounded = (x * scale).add_(0.5).floor_()
        low, high = -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
        kept = (rounded >= low) & (rounded <= high)
        whole = bool(kept.all())
        ctx.save_for_backward(scale, None if whole else kept)
        return rounded if whole else rounded.clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        scale, kept = ctx.saved_tensors
        found = grads[0] * scale
        return found if kept is None else found * kept, None, None


class _Activation(Function):
    """Rows of the table at z; slopes by z come from the same coefficients, without rounding."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, contents: Contents) -> Any:
        v = z.numpy().astype(np.int64) + (1 << (Z_BITS - 1))
        frac, rows = contents.shape.act_frac, contents.act[v >> T_BITS]
        t = v & ((1 << T_BITS) - 1)
        value, slope = cubic(rows, t, frac)
        # by z, of the value and of its slope; t is 1 at the end of the row, 2^T_BITS later in z
        by_z = slope * 2.0 ** (frac[0] - frac[1] - T_BITS)
        second = (
            2 * rows[..., 2] * 2.0 ** -frac[2] + 6 * rows[..., 3] * 2.0 ** (-frac[3] - T_BITS) * t
        )
        ctx.save_for_backward(
            torch.from_numpy(by_z), torch.from_numpy(second * 2.0 ** (frac[1] - T_BITS))
        )
        return _whole(value), _whole(slope)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        by_z, second = ctx.saved_tensors
        return grads[0] * by_z + grads[1] * second, None


def _whole(x: NumpyArray) -> Tensor:
    return torch.from_numpy(x.astype(np.float64))
