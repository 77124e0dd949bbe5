"""se_e2_a: two-body embedding of the full environment matrix (radial and angular)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpc.data.neighbors import F64
from dpc.data.statistics import EnvMatrixStatistics, Statistics
from dpc.errors import InputError
from dpc.frontend.config import dtype_of, fill
from dpc.frontend.descriptors.base import Descriptor, DescriptorConfig, descriptors
from dpc.frontend.env import Env, env_matrix, kept_pairs
from dpc.frontend.lower import EnvValues, cast, declare_bank, ir_dtype, numbers
from dpc.frontend.net import MlpBank
from dpc.ir.builder import Builder
from dpc.ir.op import Value
from dpc.ir.types import DType


@descriptors.register("se_e2_a", aliases=("se_a",))
class SeE2A(Descriptor):
    """D_i = X^T X<, X = R^T G / nnei: R [nnei, 4] the environment matrix, G [nnei, M] the
    embedding of its first column, X< the first `axis_neuron` columns of X.

    J. Chem. Phys. 159, 054801 (2023), section II C. Empty slots keep the row (0 - mean) / std,
    so they add a constant whenever the mean is not zero, as in DeePMD-kit.
    """

    @dataclass(frozen=True)
    class Config(DescriptorConfig):
        """Options of DeePMD-kit's `descriptor` section."""

        neuron: tuple[int, ...] = (10, 20, 40)
        axis_neuron: int = 4
        resnet_dt: bool = False
        type_one_side: bool = False
        activation_function: str = "tanh"
        precision: str = "float64"
        exclude_types: tuple[tuple[int, int], ...] = ()
        set_davg_zero: bool = False
        trainable: bool = True
        seed: int | None = None

    mean: Tensor  # [ntypes, 4]
    std: Tensor  # [ntypes, 4]
    keep: Tensor  # [ntypes, ntypes]: False for excluded pairs

    def __init__(self, config: Config, ntypes: int) -> None:
        super().__init__()
        if len(config.sel) != ntypes:
            raise InputError(
                f"model.descriptor.sel has {len(config.sel)} numbers for {ntypes} types"
            )
        self.config: SeE2A.Config = config
        self.ntypes = ntypes
        self.dtype = dtype_of(config.precision, "model.descriptor")
        self.width = config.neuron[-1] * config.axis_neuron
        self.register_buffer("mean", torch.zeros(ntypes, 4, dtype=self.dtype))
        self.register_buffer("std", torch.ones(ntypes, 4, dtype=self.dtype))
        self.register_buffer("keep", kept_pairs(ntypes, config.exclude_types), persistent=False)
        self.embedding = MlpBank(
            count=ntypes if config.type_one_side else ntypes**2,
            widths=(1, *config.neuron),
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            has_head=False,
            dtype=self.dtype,
        )
        self.requires_grad_(config.trainable)

    @classmethod
    def from_section(cls, section: dict[str, Any], ntypes: int) -> SeE2A:
        return cls(fill(cls.Config, section, "model.descriptor"), ntypes)

    def statistics(self) -> Sequence[tuple[Descriptor, Statistics]]:
        c = self.config
        rows = EnvMatrixStatistics(
            c.rcut, c.rcut_smth, c.sel, self.ntypes, exclude_types=c.exclude_types
        )
        return [(self, rows)]

    def set_statistics(self, mean: F64, std: F64) -> None:
        mean = np.zeros_like(mean) if self.config.set_davg_zero else mean
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))

    def forward(self, env: Env) -> Tensor:
        config = self.config
        rows = env_matrix(env, self.mean, self.std, config.rcut, config.rcut_smth)
        if config.exclude_types:
            # an empty slot is of no type: it is never excluded and keeps its constant
            keep = self.keep[env.ti[:, None], env.tj] | ~env.found
            rows = rows * keep[..., None]
        rows = rows.to(self.dtype)
        net = env.tj if config.type_one_side else env.ti[:, None] * self.ntypes + env.tj
        g = self.embedding(rows[..., :1], net)
        x = rows.transpose(1, 2) @ g / self.slots
        return self.products(x).to(torch.float64)

    @property
    def slots(self) -> int:
        """What the sum over neighbours is divided by."""
        return sum(self.config.sel)

    def products(self, x: Tensor) -> Tensor:
        """D [n, width] of X [n, 4, M]."""
        return (x.transpose(1, 2) @ x[..., : self.config.axis_neuron]).flatten(1)

    def lower_products(self, b: Builder, x: Value) -> Value:
        """The same in the IR."""
        return b.outer(x, axis_neuron=self.config.axis_neuron, name="d")

    def lower(self, b: Builder, env: EnvValues) -> Value:
        config = self.config
        rows = b.env_matrix(
            env.r,
            env.ti,
            env.nlist,
            mean=b.param("mean", numbers(self.mean)),
            std=b.param("std", numbers(self.std)),
            rcut=config.rcut,
            rcut_smth=config.rcut_smth,
            name="env",
        )
        rows = cast(b, rows, ir_dtype(self.dtype))
        s = b.radial(rows, name="s")
        if config.exclude_types:  # what the net says of a row of zeros does not matter
            mask = b.exclude_mask(
                env.ti, env.tj, env.nlist, pairs=config.exclude_types, name="mask"
            )
            rows = b.scale_rows(rows, mask, name="masked")
        index, net = "neighbor type", env.tj
        if not config.type_one_side:
            index, net = "type pair", b.type_pair(env.ti, env.tj, ntypes=self.ntypes, name="pair")
        embedding = declare_bank(b, "embedding", index, self.embedding)
        g = b.mlp(s, net, net=embedding, scalar=True, name="g")
        x = b.contract(rows, g, scale=1 / self.slots, name="x")
        return cast(b, self.lower_products(b, x), DType.F64)
