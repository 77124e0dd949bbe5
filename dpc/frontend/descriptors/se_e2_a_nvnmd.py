"""The descriptor of NVNMD, which circuits compute with shifts in place of a division."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dpc.frontend.descriptors.base import descriptors
from dpc.frontend.descriptors.se_e2_a import SeE2A
from dpc.ir.builder import Builder
from dpc.ir.op import Value
from dpc.ir.ops.contraction import cyclic_pairs


@descriptors.register("se_e2_a_nvnmd")
class NvnmdSeE2A(SeE2A):
    """se_e2_a with cyclic products D_(m, k) = sum_c X_cm X_c(m + k mod M), k < axis_neuron, and
    X = R^T G divided by a power of two.

    Mo et al., npj Comput. Mater. 8, 107 (2022).
    """

    @property
    def slots(self) -> int:
        return power_of_two(self.config.sel)

    def products(self, x: Tensor) -> Tensor:
        a, b = torch.from_numpy(cyclic_pairs(x.shape[2], self.config.axis_neuron)).long().T
        return (x[..., a] * x[..., b]).sum(1)

    def lower_products(self, b: Builder, x: Value) -> Value:
        pairs = cyclic_pairs(self.config.neuron[-1], self.config.axis_neuron)
        return b.outer_pairs(x, pairs=b.param("pairs", pairs), name="d")


def power_of_two(sel: Sequence[int]) -> int:
    """The lowest power of two that is at least 2/3 of all slots."""
    return int(2 ** math.ceil(math.log2(sum(sel) / 1.5)))
