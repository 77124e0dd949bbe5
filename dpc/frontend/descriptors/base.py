"""What a descriptor is: options, `forward` for training, `lower` for compiling."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from dpc.data.neighbors import F64
from dpc.data.statistics import Statistics
from dpc.frontend.env import Env
from dpc.registry import Registry

if TYPE_CHECKING:
    from dpc.frontend.lower import EnvValues
    from dpc.ir.builder import Builder
    from dpc.ir.op import Value


@dataclass(frozen=True)
class DescriptorConfig:
    """Options that every descriptor has: slots per neighbour type and the cutoff in Å."""

    sel: tuple[int, ...]
    rcut: float = 6.0
    rcut_smth: float = 0.5


class Descriptor(nn.Module):
    """The environment of each atom as `width` numbers that no rotation or relabelling changes.

    `forward` and `lower` say the same function, in PyTorch and in the IR; the conformance tests
    hold the two together.
    """

    Config: type[DescriptorConfig]
    config: DescriptorConfig
    width: int

    @classmethod
    @abstractmethod
    def from_section(cls, section: dict[str, Any], ntypes: int) -> Descriptor:
        """Built from its section of a model's config."""

    @abstractmethod
    def forward(self, env: Env) -> Tensor:
        """[n, width], float64."""

    @abstractmethod
    def lower(self, b: Builder, env: EnvValues) -> Value:
        """The same in the IR: f64[nloc, width]."""

    def statistics(self) -> Sequence[tuple[Descriptor, Statistics]]:
        """What to learn from the environments in the data, and the part to `set_statistics` of.

        One pair for each part that shifts and scales its environment matrix; none by default.
        """
        return []

    def set_statistics(self, mean: F64, std: F64) -> None:
        """Take over what the statistics gave; called on the parts that `statistics` names."""
        raise NotImplementedError(f"{type(self).__name__} asked for statistics but takes none")


descriptors: Registry[type[Descriptor]] = Registry(
    "descriptor", "dpc.descriptors", "dpc.frontend.descriptors"
)
