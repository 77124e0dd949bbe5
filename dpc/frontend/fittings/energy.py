"""ener: the energy of each atom, in eV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from dpc.frontend.config import dtype_of, fill
from dpc.frontend.fittings.base import Fitting, FittingConfig, fittings
from dpc.frontend.lower import EnvValues, cast, declare_bank, ir_dtype, numbers
from dpc.frontend.net import MlpBank
from dpc.ir.builder import Builder
from dpc.ir.op import Value
from dpc.ir.params import NetBank
from dpc.ir.types import DType


@fittings.register("ener")
class EnergyFitting(Fitting):
    """E_i = N_t(D_i, fparam, aparam_i) + bias_atom_e[t], one net N_t for each type t.

    Where `atom_ener` names an energy for type t, N_t(0, fparam, aparam_i) is subtracted: with a
    mean of zero (set_davg_zero) an atom alone then has exactly that energy.
    """

    @dataclass(frozen=True)
    class Config(FittingConfig):
        """Options of DeePMD-kit's `fitting_net` section."""

        atom_ener: tuple[float | None, ...] = ()
        rcond: float | None = None

    plain: ClassVar[tuple[int, ...]] = ()  # layers that never add their input

    bias_atom_e: Tensor  # [ntypes]
    vacuum: Tensor  # [ntypes]: True where atom_ener names an energy
    fparam_avg: Tensor  # [numb_fparam], where there are any; so are the next three
    fparam_inv_std: Tensor
    aparam_avg: Tensor
    aparam_inv_std: Tensor

    def __init__(self, config: Config, ntypes: int, width: int) -> None:
        super().__init__()
        self.config: EnergyFitting.Config = config
        self.ntypes, self.width = ntypes, width
        self.dtype = dtype_of(config.precision, "model.fitting_net")
        self.nets = MlpBank(
            count=ntypes,
            widths=(width + config.numb_fparam + config.numb_aparam, *config.neuron, 1),
            activation=config.activation_function,
            resnet_dt=config.resnet_dt,
            has_head=True,
            dtype=self.dtype,
            plain=self.plain,
        )
        vacuum = [e is not None for e in config.atom_ener] or [False] * ntypes
        self.register_buffer("vacuum", torch.tensor(vacuum), persistent=False)
        self.register_buffer("bias_atom_e", torch.zeros(ntypes, dtype=torch.float64))
        for kind, count in (("fparam", config.numb_fparam), ("aparam", config.numb_aparam)):
            if count:
                self.register_buffer(f"{kind}_avg", torch.zeros(count, dtype=torch.float64))
                self.register_buffer(f"{kind}_inv_std", torch.ones(count, dtype=torch.float64))
        trainable = config.trainable
        for net in self.nets:
            for i, layer in enumerate(net):
                layer.requires_grad_(trainable if isinstance(trainable, bool) else trainable[i])

    @classmethod
    def from_section(cls, section: dict[str, Any], ntypes: int, width: int) -> EnergyFitting:
        return cls(fill(cls.Config, section, "model.fitting_net"), ntypes, width)

    def forward(
        self, descriptor: Tensor, ti: Tensor, fparam: Tensor | None, aparam: Tensor | None
    ) -> Tensor:
        energy = self._net(descriptor, ti, fparam, aparam)
        if self.vacuum.any():
            alone = self._net(torch.zeros_like(descriptor), ti, fparam, aparam)
            energy = energy - alone * self.vacuum[ti]
        return energy + self.bias_atom_e[ti]

    def _net(
        self, descriptor: Tensor, ti: Tensor, fparam: Tensor | None, aparam: Tensor | None
    ) -> Tensor:
        """The nets alone, [n]."""
        parts = [descriptor]
        if fparam is not None:
            scaled = (fparam - self.fparam_avg) * self.fparam_inv_std
            parts.append(scaled.expand(len(descriptor), -1))
        if aparam is not None:
            parts.append((aparam - self.aparam_avg) * self.aparam_inv_std)
        x = torch.cat(parts, dim=-1).to(self.dtype)
        return self.nets(x, ti).squeeze(-1).to(torch.float64)

    def lower(self, b: Builder, descriptor: Value, env: EnvValues, out_bias: Tensor) -> Value:
        bias = self.bias_atom_e + out_bias
        parts = self._lower_parameters(b, descriptor, env)
        net = declare_bank(b, "fitting", "atom type", self.nets)
        energy = self._lower_net(b, (descriptor, *parts), env.ti, net, "e")
        if self.vacuum.any() and parts:
            # ones_like, not the descriptor: no force flows through the energy of an atom alone
            nothing = b.scale(b.ones_like(descriptor), factor=0.0, name="nothing")
            alone = self._lower_net(b, (nothing, *parts), env.ti, net, "alone")
            kept = tuple(t for t in range(self.ntypes) if not self.vacuum[t])
            if kept:
                alone = b.type_mask(alone, env.ti, exclude=kept)
            energy = b.add(energy, b.scale(alone, factor=-1.0))
        elif self.vacuum.any():
            bias = bias - self._vacuum_energy()
        return b.bias(energy, env.ti, bias=b.param("bias", numbers(bias)), name="a")

    def _vacuum_energy(self) -> Tensor:
        """N_t(0) where atom_ener names an energy, else 0: [ntypes]."""
        types = torch.arange(self.ntypes)
        nothing = torch.zeros(self.ntypes, self.width, dtype=torch.float64)
        alone = self._net(nothing, types, None, None)
        return torch.where(self.vacuum, alone, torch.zeros_like(alone))

    def _lower_parameters(self, b: Builder, descriptor: Value, env: EnvValues) -> list[Value]:
        """Normalised fparam and aparam as columns for each atom."""
        parts = []
        for kind, value in (("fparam", env.fparam), ("aparam", env.aparam)):
            if value is None:
                continue
            avg = b.param(f"{kind}_avg", numbers(getattr(self, f"{kind}_avg")))
            inv_std = b.param(f"{kind}_inv_std", numbers(getattr(self, f"{kind}_inv_std")))
            scaled = b.normalize(value, avg=avg, inv_std=inv_std)
            parts.append(b.broadcast_atoms(scaled, descriptor) if kind == "fparam" else scaled)
        return parts

    def _lower_net(
        self, b: Builder, parts: tuple[Value, ...], ti: Value, net: NetBank, name: str
    ) -> Value:
        x = b.concat(parts) if len(parts) > 1 else parts[0]
        return cast(b, b.mlp(cast(b, x, ir_dtype(self.dtype)), ti, net=net, name=name), DType.F64)
