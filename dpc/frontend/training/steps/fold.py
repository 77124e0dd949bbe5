"""Frozen embedding nets in fewer columns, and the first layer of the fitting nets on them.

The M columns of G, functions of one number, are all but dependent. With G = [G<, G>], G< its first
`axis` columns,

    G> = G< C + E,   E = (E V) V^T

to the last digits: C takes from G> what G< says well, and the few leading right singular vectors V
of the rest E say the rest. Then D' = X^T X< of X = a [G<, E V] holds the whole of D, in axis + rank
rows in place of M:

    D = T D',   T = (1, 0; C^T, V),   W^T D = (T^T W)^T D',

and the gradient by W is T times that by T^T W. X<^T X< is symmetric: one half of it is left out,
and its rows of T^T W are added to those of the other. While G is learned, C and V would have to
follow it; where it is frozen, they are made once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dpc.frontend.training.steps import kernels

TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-6}
"""Singular values below this part of the largest are left out.

On the trained water model (25-50-100, 4 frames of 192 atoms) against automatic differentiation in
float64: float64 keeps 32 of 84 columns, with forces to 9e-8 eV/Å rms and the gradient by the
fitting nets to 5e-6 of its length. float32 keeps 24, with forces to 3e-5 eV/Å and the gradient to
4e-4; rounding alone, with all columns, gives 8e-5 and 1.2e-3.
"""
TOLD = 1e-3
"""G< says what its singular values above this part of the largest say: C stays near one, so that
rounding errors of D< do not grow in T."""
VECTOR = 4  # columns are a multiple of it, as dpc_fold takes them
WORTHWHILE = 0.85  # of the columns; above, folding the weights costs what it saves


class Fold:
    """T of one part: `axis` columns stay, the others are g< c + e, e through v [M - axis, rank].

    D' comes in the triangle of pairs_template.h: the rows of E V, then those of X< up to the
    diagonal.
    """

    def __init__(self, c: Tensor, v: Tensor, dtype: torch.dtype) -> None:
        self.axis, rank = len(c), v.shape[1]
        self.c, self.v = c, v  # in float64
        self.lower = torch.cat([v, c.T], 1).to(dtype)  # of T, the rows that give X>
        self.square = self.axis**2  # elements of the part X<^T X<
        self.full = self.square + len(v) * self.axis  # of D
        self.behind = rank * self.axis  # of D', those of E V
        self.width = self.behind + self.axis * (self.axis + 1) // 2
        k, b = torch.tril_indices(self.axis, self.axis)
        self.place, self.mirror = k * self.axis + b, b * self.axis + k
        self.twice = (k != b)[:, None]
        # where in the triangle each element of the square is
        self.back = torch.empty(self.square, dtype=torch.int64)
        self.back[self.place] = self.back[self.mirror] = torch.arange(len(k))

    def columns(self, g: Tensor) -> Tensor:
        """[G<, E V] of g [nodes, M]."""
        first, others = g[:, : self.axis], g[:, self.axis :].to(torch.float64)
        rest = others - first.to(torch.float64) @ self.c
        return torch.cat([first, (rest @ self.v).to(g.dtype)], 1)

    def weight(self, weight: Tensor) -> Tensor:
        """T^T W of a first layer's W [M axis + more, out]; its further rows stay."""
        further = weight[self.full :]
        whole = weight.new_empty(self.behind + self.square + len(further), weight.shape[1])
        self._call("dpc_fold", weight, weight[self.square : self.full], whole)
        square = whole[self.behind : self.behind + self.square]
        square += weight[: self.square]
        folded = whole[: self.width + len(further)]
        folded[self.behind : self.width] = square[self.place] + square[self.mirror] * self.twice
        folded[self.width :] = further
        return folded

    def add_gradient(self, parameter: Tensor, gradient: Tensor) -> None:
        """Adds the gradient by W, from that by T^T W."""
        more = parameter.grad is not None
        if parameter.grad is None:
            parameter.grad = torch.empty_like(parameter)
        grad = parameter.grad
        square = gradient[self.behind : self.width][self.back]
        whole = torch.cat([gradient[: self.behind], square])
        for to, of in ((grad[: self.square], square), (grad[self.full :], gradient[self.width :])):
            if more:
                to += of
            else:
                to.copy_(of)
        self._call("dpc_unfold", grad, whole, int(more), grad[self.square : self.full])

    def _call(self, kernel: str, weight: Tensor, *arguments: Tensor | int) -> None:
        lower = self.lower.to(weight.dtype)
        columns = self.axis * weight.shape[1]
        kernels.call(kernel, *lower.shape, columns, lower, *arguments, dtype=weight.dtype)


def fold(parts: list[Tensor], axis: int) -> list[Fold]:
    """Of each part g [nodes, M], all of one rank; [] where there is too little to save."""
    width, dtype = parts[0].shape[1], parts[0].dtype
    if axis == width:
        return []
    found = []
    rank = 0
    for g in parts:
        first, others = g[:, :axis].to(torch.float64), g[:, axis:].to(torch.float64)
        c = torch.linalg.pinv(first, rtol=TOLD) @ others
        _, s, vh = torch.linalg.svd(others - first @ c, full_matrices=False)
        largest = torch.linalg.matrix_norm(others, 2)
        rank = max(rank, int((s > TOLERANCE[dtype] * largest).sum()))
        found.append((c, vh.T))
    rank = -(-(axis + rank) // VECTOR) * VECTOR - axis
    if axis + rank > WORTHWHILE * width:
        return []
    return [Fold(c, v[:, :rank], dtype) for c, v in found]
