"""Frozen embedding nets in fewer columns, and the first layer of the fitting nets on them.

The M columns of G, functions of one number, are all but dependent: with G = [G<, G>], G< its first
`axis` columns, G> = (G> V) V^T to the last digits for the few leading right singular vectors V of
G>. Then D = X^T X< of X = a [G<, G> V] holds the whole of D, in axis + rank rows in place of M,

    D = T D',   T = diag(1, V),   W^T D = (T^T W)^T D',

and the gradient by W is T times that by T^T W. While G is learned, V would have to follow it;
where it is frozen, V is made once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-7}
"""Singular values below this part of the largest are left out."""
WORTHWHILE = 0.85  # of the columns; above, folding the weights costs what it saves


@dataclass(frozen=True)
class Fold:
    """T of one part: the first `axis` columns stay, the others go through v [M - axis, rank]."""

    axis: int
    v: Tensor

    @property
    def full(self) -> int:
        """Elements of D."""
        return (self.axis + self.v.shape[0]) * self.axis

    @property
    def width(self) -> int:
        """Elements of D'."""
        return (self.axis + self.v.shape[1]) * self.axis

    def columns(self, g: Tensor) -> Tensor:
        """[G<, G> V] of g [nodes, M]."""
        return torch.cat([g[:, : self.axis], g[:, self.axis :] @ self.v], 1)

    def weight(self, weight: Tensor) -> Tensor:
        """T^T W of a first layer's W [M axis + more, out]; its further rows stay."""
        return self._through(weight, self.v.T, self.full)

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient by W from that by T^T W."""
        return self._through(gradient, self.v, self.width)

    def _through(self, rows: Tensor, matrix: Tensor, end: int) -> Tensor:
        begin, out = self.axis**2, rows.shape[1]
        middle = matrix.to(rows.dtype) @ rows[begin:end].view(matrix.shape[1], -1)
        return torch.cat([rows[:begin], middle.view(-1, out), rows[end:]])


def fold(parts: list[Tensor], axis: int) -> list[Fold]:
    """Of each part g [nodes, M], all of one rank; [] where there is too little to save."""
    width = parts[0].shape[1]
    found = []
    rank = 0
    for g in parts:
        _, s, vh = torch.linalg.svd(g[:, axis:].to(torch.float64), full_matrices=False)
        rank = max(rank, int((s > TOLERANCE[g.dtype] * s.max()).sum()) if len(s) else 0)
        found.append(vh.T)
    if not rank or axis + rank > WORTHWHILE * width:
        return []
    return [Fold(axis, v[:, :rank].to(g.dtype)) for v, g in zip(found, parts, strict=True)]
