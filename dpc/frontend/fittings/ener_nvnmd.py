"""The fitting net of NVNMD."""

from __future__ import annotations

from typing import ClassVar

from dpc.frontend.fittings.base import fittings
from dpc.frontend.fittings.energy import EnergyFitting


@fittings.register("ener_nvnmd")
class NvnmdFitting(EnergyFitting):
    """ener whose first layer never adds its input, although it is often as wide as the descriptor.

    With tanh4 this is the net of Mo et al., npj Comput. Mater. 8, 107 (2022).
    """

    plain: ClassVar[tuple[int, ...]] = (0,)
