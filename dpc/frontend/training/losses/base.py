"""What a loss is: a number to make small, and the errors behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from dpc.data.labels import Label
from dpc.frontend.training.prediction import Prediction, Targets
from dpc.registry import Registry


class Loss(ABC):
    """A number to make small, from what the model says and what the data say."""

    #: keys of the table of errors, in its order
    columns: tuple[str, ...]

    @abstractmethod
    def __init__(self, section: dict[str, Any]) -> None:
        """From a normalised `loss` section."""

    @abstractmethod
    def labels(self) -> tuple[Label, ...]:
        """What to read from the data."""

    @abstractmethod
    def __call__(
        self, found: Prediction, targets: Targets, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and the errors by column; a label the data lack gives neither.

        `fraction` is the learning rate over its start: prefactors go from start to limit with it.
        """


losses: Registry[type[Loss]] = Registry("loss", "dpc.losses", "dpc.frontend.training.losses")
