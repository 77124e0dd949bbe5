"""ener: errors of energy, force, virial and what derives from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dpc.data.labels import LABELS, Label, generalized_coordinates
from dpc.errors import InputError
from dpc.frontend.training.losses.base import Loss, losses
from dpc.frontend.training.prediction import Prediction, Targets

QUANTITIES = ("e", "f", "v", "ae", "pf", "gf")


@losses.register("ener")
class EnergyLoss(Loss):
    """Energy, force, virial, atomic energy, weighted force and generalised force.

    L = sum_q p_q(t) L_q, p_q = limit + (start - limit) lr(t) / lr(0). L_e and L_v are divided by
    the number of atoms (its square with intensive_ener_virial). J. Chem. Phys. 159, 054801
    (2023), section II F.
    """

    def __init__(self, section: dict[str, Any]) -> None:
        self.options = section
        self.kind = section["loss_func"]
        self.deltas = dict(zip("efv", section["huber_delta"], strict=True))
        self.active = tuple(q for q in QUANTITIES if self.prefactor(q, 0) or self.prefactor(q, 1))
        name = "mae" if self.kind == "mae" else "rmse"
        self.columns = tuple(f"{name if q in 'efv' else 'rmse'}_{q}" for q in self.active)
        self._refuse_mixtures()

    def _refuse_mixtures(self) -> None:
        options = self.options
        robust = options["use_huber"] or self.kind == "mae"
        if options["use_huber"] and self.kind == "mae":
            raise InputError("loss: use_huber is for loss_func mse")
        if options["f_use_norm"] and not robust:
            raise InputError("loss.f_use_norm is for loss_func mae or use_huber")
        if robust and (options["relative_f"] or {"pf", "gf"} & set(self.active)):
            raise InputError(
                "loss: relative_f, pref_pf and pref_gf are for squared errors without Huber"
            )
        if "gf" in self.active and not options["numb_generalized_coord"]:
            raise InputError(
                "loss.numb_generalized_coord is missing: how many there are in drdq.npy"
            )

    def prefactor(self, quantity: str, fraction: float) -> float:
        """The weight of a quantity when the learning rate is `fraction` of its start."""
        start = self.options[f"start_pref_{quantity}"]
        limit = self.options[f"limit_pref_{quantity}"]
        return float(limit + (start - limit) * fraction)

    def labels(self) -> tuple[Label, ...]:
        wanted = {q: LABELS[name] for q, name in _LABEL_OF.items()}
        wanted["gf"] = generalized_coordinates(self.options["numb_generalized_coord"])
        needs = {"gf": ("f", "gf"), "pf": ("f", "pf")}
        keys = dict.fromkeys(k for q in self.active for k in needs.get(q, (q,)))
        more = (LABELS["atom_ener_coeff"],) if self.options["enable_atom_ener_coeff"] else ()
        return (*(wanted[k] for k in keys), *more)

    def __call__(
        self, found: Prediction, targets: Targets, fraction: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        total = found.energy.new_zeros(())
        errors: dict[str, Tensor] = {}
        for quantity, column in zip(self.active, self.columns, strict=True):
            part = _PARTS[quantity](self, found, targets)
            if part is not None:
                total = total + self.prefactor(quantity, fraction) * part[0]
                errors[column] = part[1].detach()
        return total, errors

    def _per_atom(
        self, quantity: str, difference: Tensor, targets: Targets
    ) -> tuple[Tensor, Tensor]:
        """Loss and error per atom of a quantity that grows with the system: [nframe, …]."""
        n = targets.natoms
        per_atom = difference.flatten(1) / n[:, None]
        if self.kind == "mae":
            value = per_atom.abs().mean()
            return value, value
        rmse = per_atom.square().mean().sqrt()
        if self.options["use_huber"]:
            return huber(per_atom, self.deltas[quantity]).mean(), rmse
        power = 2 if self.options["intensive_ener_virial"] else 1
        return (difference.flatten(1).square() / n[:, None] ** power).mean(), rmse

    def _energy(self, found: Prediction, targets: Targets) -> tuple[Tensor, Tensor] | None:
        if (label := targets.get("energy")) is None:
            return None
        energy = found.energy
        coefficients = targets.get("atom_ener_coeff")
        if self.options["enable_atom_ener_coeff"] and coefficients is not None:
            energy = (found.atom_energy * coefficients).sum(1)
        return self._per_atom("e", (energy - label)[:, None], targets)

    def _force(self, found: Prediction, targets: Targets) -> tuple[Tensor, Tensor] | None:
        if (label := targets.get("force")) is None:
            return None
        difference = found.force - label
        if self.options["relative_f"] is not None:
            difference = difference / _relative(label, self.options["relative_f"])
        rmse = targets.mean(difference.square()).sqrt()
        if self.options["f_use_norm"]:
            difference = difference.square().sum(-1).add(1e-24).sqrt()
        if self.kind == "mae":
            value = targets.mean(difference.abs())
            return value, targets.mean((found.force - label).abs())
        if self.options["use_huber"]:
            return targets.mean(huber(difference, self.deltas["f"])), rmse
        return targets.mean(difference.square()), rmse

    def _virial(self, found: Prediction, targets: Targets) -> tuple[Tensor, Tensor] | None:
        if (label := targets.get("virial")) is None:
            return None
        return self._per_atom("v", found.virial - label, targets)

    def _atom_energy(self, found: Prediction, targets: Targets) -> tuple[Tensor, Tensor] | None:
        if (label := targets.get("atom_ener")) is None:
            return None
        squared = targets.mean((found.atom_energy - label).square())
        return squared, squared.sqrt()

    def _weighted_force(self, found: Prediction, targets: Targets) -> tuple[Tensor, Tensor] | None:
        label, weight = targets.get("force"), targets.get("atom_pref")
        if label is None or (weight is None and not self.options["use_default_pf"]):
            return None
        difference = found.force - label
        if self.options["relative_f"] is not None:
            difference = difference / _relative(label, self.options["relative_f"])
        squared = difference.square()
        value = targets.mean(squared if weight is None else squared * weight[..., None])
        return value, value.sqrt()

    def _generalized_force(
        self, found: Prediction, targets: Targets
    ) -> tuple[Tensor, Tensor] | None:
        label, drdq = targets.get("force"), targets.get("drdq")
        if label is None or drdq is None:
            return None
        squared = torch.einsum("fac,facq->fq", found.force - label, drdq).square().mean()
        return squared, squared.sqrt()


_LABEL_OF = {"e": "energy", "f": "force", "v": "virial", "ae": "atom_ener", "pf": "atom_pref"}
_Part = Callable[[EnergyLoss, Prediction, Targets], tuple[Tensor, Tensor] | None]
_PARTS: dict[str, _Part] = {
    "e": EnergyLoss._energy,
    "f": EnergyLoss._force,
    "v": EnergyLoss._virial,
    "ae": EnergyLoss._atom_energy,
    "pf": EnergyLoss._weighted_force,
    "gf": EnergyLoss._generalized_force,
}


def _relative(force: Tensor, shift: float) -> Tensor:
    return force.norm(dim=-1, keepdim=True) + shift


def huber(difference: Tensor, delta: float) -> Tensor:
    """d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)."""
    size = difference.abs()
    return torch.where(size <= delta, 0.5 * size.square(), delta * (size - 0.5 * delta))
