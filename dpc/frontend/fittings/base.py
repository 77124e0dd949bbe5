"""What a fitting is: the descriptor of an atom to one of its properties."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from dpc.registry import Registry

if TYPE_CHECKING:
    from dpc.frontend.lower import EnvValues
    from dpc.ir.builder import Builder
    from dpc.ir.op import Value


@dataclass(frozen=True)
class FittingConfig:
    """Options that every fitting has."""

    neuron: tuple[int, ...] = (120, 120, 120)
    resnet_dt: bool = True
    activation_function: str = "tanh"
    precision: str = "float64"
    numb_fparam: int = 0
    numb_aparam: int = 0
    default_fparam: tuple[float, ...] | None = None
    trainable: bool | tuple[bool, ...] = True
    seed: int | None = None


class Fitting(nn.Module):
    """Maps the descriptor of each atom, with frame and atomic parameters, to its property."""

    Config: type[FittingConfig]
    config: FittingConfig

    @classmethod
    @abstractmethod
    def from_section(cls, section: dict[str, Any], ntypes: int, width: int) -> Fitting:
        """Built from its section of a model's config, for descriptors of `width` numbers."""

    @abstractmethod
    def forward(
        self, descriptor: Tensor, ti: Tensor, fparam: Tensor | None, aparam: Tensor | None
    ) -> Tensor:
        """descriptor [n, width], ti [n], fparam [numb_fparam], aparam [n, numb_aparam]."""

    @abstractmethod
    def lower(self, b: Builder, descriptor: Value, env: EnvValues, out_bias: Tensor) -> Value:
        """The same in the IR; out_bias [ntypes] of the model is added as well."""


fittings: Registry[type[Fitting]] = Registry("fitting", "dpc.fittings", "dpc.frontend.fittings")
