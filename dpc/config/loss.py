"""The `loss` section."""

from __future__ import annotations

from typing import Any

from dpc.config.schema import Option, Section, Variants
from dpc.config.values import (
    Wrong,
    boolean,
    list_or_one,
    not_negative,
    one_of,
    optional,
    positive,
    whole_or_zero,
)


def _prefactors(key: str, what: str, start: float, limit: float) -> tuple[Option, Option]:
    return (
        Option(f"start_pref_{key}", not_negative, start, f"weight of {what} at the start"),
        Option(f"limit_pref_{key}", not_negative, limit, f"weight of {what} in the end"),
    )


def _deltas(value: Any) -> list[float]:
    deltas = list_or_one(positive)(value)
    if len(deltas) not in (1, 3):
        raise Wrong("must be a number, or three for energy, force and virial")
    return deltas * (3 // len(deltas))


ENER = Section(
    "loss",
    (
        *_prefactors("e", "the energy error per atom", 0.02, 1.0),
        *_prefactors("f", "the force error", 1000.0, 1.0),
        *_prefactors("v", "the virial error per atom", 0.0, 0.0),
        *_prefactors("ae", "the error of atomic energies", 0.0, 0.0),
        *_prefactors("pf", "the force error with a factor for each atom", 0.0, 0.0),
        *_prefactors("gf", "the error of generalised forces", 0.0, 0.0),
        Option("start_pref_h", not_negative, 0.0, "", unsupported="dpc has no Hessian loss"),
        Option("limit_pref_h", not_negative, 0.0, "", unsupported="dpc has no Hessian loss"),
        Option("use_default_pf", boolean, False, "atoms without atom_pref count 1"),
        Option(
            "relative_f",
            optional(positive),
            None,
            "eV/Å: forces are weighed by 1 / (their size + this)",
        ),
        Option(
            "enable_atom_ener_coeff",
            boolean,
            False,
            "energy differences: the energy is the sum of atomic energies times atom_ener_coeff",
        ),
        Option("numb_generalized_coord", whole_or_zero, 0, "generalised coordinates in drdq"),
        Option("use_huber", boolean, False, "linear beyond huber_delta, quadratic below"),
        Option(
            "huber_delta",
            _deltas,
            [0.01] * 3,
            "where that changes: one, or [energy, force, virial]",
        ),
        Option("loss_func", one_of("mse", "mae"), "mse", "squared or absolute errors"),
        Option("f_use_norm", boolean, False, "mae or Huber of the length of the force error"),
        Option(
            "intensive_ener_virial",
            boolean,
            False,
            "squared energy and virial errors over natoms squared, not over natoms",
        ),
    ),
)
_LATER = "dpc trains the loss ener"
LOSS = Variants(
    "loss",
    "ener",
    {"ener": ENER},
    {
        kind: _LATER
        for kind in ("ener_spin", "ener_hess", "dens", "population", "tensor", "dos", "property")
    },
)
