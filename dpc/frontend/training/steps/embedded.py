"""What a fused step asks of the embedding nets, for one batch."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from dpc.frontend.training.steps.fold import Fold


class Embedded(ABC):
    """The embedding of a batch: X = sum_j R^T G / nnei, and what follows from it by the chain rule.

    X has all columns M of G, or, by `folds` of each type of centre, fewer.
    """

    folds: list[Fold]
    learns: bool
    """Whether the nets have parameters that `gradient` adds to."""

    @property
    @abstractmethod
    def x(self) -> Tensor:
        """X, [n, 4, M]."""

    @abstractmethod
    def pull(self, x_bar: Tensor) -> Tensor:
        """dE/dr of the pairs, [npair, 3] float64, from dE/dX [n, 4, M]."""

    @abstractmethod
    def push(self, force: Tensor, virial: Tensor) -> Tensor:
        """The change of X [n, 4, M] when pairs move along f_i - f_j - y r.

        force [frames, nloc, 3] are the f, virial [frames, 3, 3] the y.
        """

    @abstractmethod
    def gradient(self, x_bar: Tensor, change_bar: Tensor) -> None:
        """Adds d S / d parameter, from dS/dX and, after `push`, that by the change of X."""
