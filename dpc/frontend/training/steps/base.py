"""What a training step is, and the one that suits a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from dpc.data.batch import Batch
from dpc.data.pairs import PairCache, Pairs, batch_pairs
from dpc.frontend.model import Model
from dpc.frontend.training.losses import Loss
from dpc.frontend.training.prediction import Prediction
from dpc.registry import Registry


class Step(ABC):
    """Evaluates a model on a batch, and adds the gradient of a loss to its parameters' `.grad`."""

    name: str

    def __init__(self, model: Model) -> None:
        self.model = model
        self.room = 0
        """Bytes for frames as `prepare` makes them, with an `nbytes`, for each data set."""

    @staticmethod
    def refuses(model: Model) -> str:
        """Why this step cannot train the model; '' when it can."""
        return ""

    @abstractmethod
    def prepare(self, batch: Batch, pairs: Pairs) -> object:
        """What follows from the positions alone; may be called in another thread."""

    def preparer(self) -> Callable[[Batch], object]:
        """`prepare` for the batches of one data set, with a cache of their pairs.

        What single frames are prepared to is kept as well while `room` lasts.
        """
        cache = PairCache(self.model.rcut, self.model.sel)
        kept: dict[tuple[int, int, int], Any] = {}
        room = self.room

        def prepared(batch: Batch) -> object:
            nonlocal room
            if batch.nframe != 1:
                return self.prepare(batch, cache(batch)) if batch.nframe else None
            key = (int(batch.system[0]), int(batch.frame[0]), batch.nloc)
            if key in kept:
                return kept[key]
            # what is kept holds its pairs
            pairs = batch_pairs(batch, self.model.rcut, self.model.sel) if room else cache(batch)
            made: Any = self.prepare(batch, pairs)
            if room and made.nbytes <= room:
                kept[key], room = made, room - made.nbytes
            else:
                room = 0
            return made

        return prepared

    def prepared(self, batch: Batch) -> Any:
        """What a preparer made of the batch, or the same made now."""
        if batch.prepared is not None:
            return batch.prepared
        return self.prepare(batch, batch_pairs(batch, self.model.rcut, self.model.sel))

    @abstractmethod
    def predict(self, batch: Batch) -> Prediction:
        """Energy, force, virial, without gradients."""

    @abstractmethod
    def gradient(
        self, batch: Batch, loss: Loss, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and its errors; d loss / d parameter is added to `.grad`."""

    def state(self) -> dict[str, Any]:
        """What the bits of the next step depend on, beside model and batch."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Go on from such a state."""


#: fast steps by the name of the descriptor they are for
steps: Registry[type[Step]] = Registry("step", "dpc.steps", "dpc.frontend.training.steps")


def make_step(model: Model, fused: bool = True) -> tuple[Step, str]:
    """The fast step of the model's descriptor, else autograd; and why not the fast one."""
    from dpc.frontend.training.steps.autograd import AutogradStep

    kind = model.config["descriptor"]["type"]
    if not fused:
        return AutogradStep(model), "training.fused is false"
    if kind not in steps:
        return AutogradStep(model), f"{kind} has no fast step"
    step = steps.get(kind)
    reason = step.refuses(model)
    return (AutogradStep(model), reason) if reason else (step(model), "")
