"""Model: descriptor, fitting and exclusions; the function from positions to energy and forces."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from dpc.data.inputs import fold, read_cell, read_coord, read_parameters, read_types
from dpc.data.neighbors import extend, format_nlist, neighbor_rows
from dpc.errors import InputError
from dpc.frontend.config import frozen
from dpc.frontend.descriptors import descriptors
from dpc.frontend.env import Env, displacement, exclude_neighbors, kept_pairs, slot_types
from dpc.frontend.fittings import fittings
from dpc.frontend.lower import lower
from dpc.frontend.model_file import ModelFile
from dpc.ir.program import Facts, Program

BLOCK = 64_000_000  # atoms x slots x descriptor width evaluated together: bounds the memory


def load_model(path: Path | str) -> Model:
    """A model from any file that `dpc.frontend.importers.read_model` reads."""
    from dpc.frontend.importers import read_model

    return Model.from_file_data(read_model(path))


class Model(nn.Module):
    """A Deep Potential: E = sum_i E_i(neighbours of i within rcut). eV, Å.

    `config` is the `model` section of DeePMD-kit's input.json with every option explicit.
    """

    out_bias: Tensor  # [ntypes]
    keep_pairs: Tensor  # [ntypes, ntypes]: False for excluded pairs
    counted: Tensor  # [ntypes]: False for excluded types

    def __init__(self, config: dict[str, Any], min_nbor_dist: float | None = None) -> None:
        super().__init__()
        self.config = config
        self.min_nbor_dist = min_nbor_dist
        self.type_map: tuple[str, ...] = tuple(config["type_map"])
        ntypes = len(self.type_map)
        descriptor, fitting = config["descriptor"], config["fitting_net"]
        self.descriptor = descriptors.get(descriptor["type"]).from_section(descriptor, ntypes)
        self.fitting = fittings.get(fitting["type"]).from_section(
            fitting, ntypes, self.descriptor.width
        )
        self.pair_exclude_types = frozen(config.get("pair_exclude_types", ()))
        self.atom_exclude_types = frozen(config.get("atom_exclude_types", ()))
        self.register_buffer("out_bias", torch.zeros(ntypes, dtype=torch.float64))
        self.register_buffer(
            "keep_pairs", kept_pairs(ntypes, self.pair_exclude_types), persistent=False
        )
        counted = torch.tensor([t not in self.atom_exclude_types for t in range(ntypes)])
        self.register_buffer("counted", counted, persistent=False)
        self._warned = False
        self.eval()

    @property
    def rcut(self) -> float:
        """Cutoff in Å."""
        return self.descriptor.config.rcut

    @property
    def sel(self) -> tuple[int, ...]:
        """Neighbour slots of each type."""
        return self.descriptor.config.sel

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given."""
        return self.fitting.config.default_fparam

    @property
    def facts(self) -> Facts:
        """What a caller must know of the model."""
        fitting = self.fitting.config
        return Facts(
            type_map=self.type_map,
            rcut=self.rcut,
            sel=self.sel,
            fparam=fitting.numb_fparam,
            aparam=fitting.numb_aparam,
            min_nbor_dist=self.min_nbor_dist,
        )

    @staticmethod
    def from_file_data(data: ModelFile) -> Model:
        """From the numbers of a model file."""
        model = Model(data.config, data.min_nbor_dist)
        state = {
            _module_name(name): torch.from_numpy(np.array(array, copy=True, order="C"))
            for name, array in data.tensors.items()
        }
        try:
            # assign: statistics keep the precision they have in the file
            model.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise InputError(f"the tensors do not fit the model's config: {error}") from None
        return model

    def to_file_data(self) -> ModelFile:
        """The numbers of a model file."""
        tensors = {
            _file_name(name): tensor.detach().numpy().copy()
            for name, tensor in self.state_dict().items()
        }
        return ModelFile(self.config, tensors, self.min_nbor_dist)

    def forward(
        self,
        coord: Tensor,
        atype: Tensor,
        nlist: Tensor,
        fparam: Tensor | None = None,
        aparam: Tensor | None = None,
        first: int = 0,
    ) -> dict[str, Tensor]:
        """Energy and its derivatives for the atoms first, first + 1, … that have a row in nlist.

        coord [nall, 3] Å, atype [nall], nlist [n, nnei] (-1: empty slot), fparam [numb_fparam],
        aparam [n, numb_aparam]. Gives energy [], atom_energy [n], force [nall, 3], virial [3, 3]
        and atom_virial [nall, 3, 3], which images share with the atoms they are images of.
        """
        n = len(nlist)
        ti = atype[first : first + n].long()
        tj = slot_types(self.sel, n)
        nlist = nlist.long()
        if self.pair_exclude_types:
            nlist = exclude_neighbors(nlist, ti, tj, self.keep_pairs)
        # the energy depends on positions through r alone: one gradient gives all the rest
        r = displacement(coord.detach(), nlist, first).requires_grad_()
        atom_energy = self.atom_energy(Env(r, ti, tj, nlist >= 0), fparam, aparam)
        energy = atom_energy.sum()
        with torch.enable_grad():
            (dr,) = torch.autograd.grad(energy, r, create_graph=self.training)
        slots = nlist.clamp(min=0).flatten()  # dr of an empty slot is 0
        force = torch.zeros_like(coord).index_add(0, slots, -dr.flatten(0, 1))
        centres = torch.arange(first, first + n)
        force = force.index_add(0, centres, dr.sum(1))
        pair_virial = -dr[..., :, None] * r[..., None, :]
        atom_virial = torch.zeros(len(coord), 3, 3, dtype=coord.dtype)
        atom_virial = atom_virial.index_add(0, slots, pair_virial.flatten(0, 1))
        return {
            "energy": energy,
            "atom_energy": atom_energy,
            "force": force,
            "virial": atom_virial.sum(0),
            "atom_virial": atom_virial,
        }

    def atom_energy(self, env: Env, fparam: Tensor | None, aparam: Tensor | None) -> Tensor:
        """The energy of each atom in its environment, [n]."""
        energy = self.fitting(self.descriptor(env), env.ti, fparam, aparam)
        return (energy + self.out_bias[env.ti]) * self.counted[env.ti]

    def evaluate(
        self,
        coord: ArrayLike,
        types: ArrayLike,
        cell: ArrayLike | None = None,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
    ) -> dict[str, Any]:
        """Energy (float), force [n, 3], virial [3, 3], atom_energy [n], atom_virial [n, 3, 3].

        coord [n, 3] or flat, Å; types: names of the type map or their indices; cell: vectors as
        rows, None for an open boundary. eV, eV/Å, NumPy float64.
        """
        atype = read_types(self.type_map, types)
        ext = extend(read_coord(coord, len(atype)), atype, read_cell(cell), self.rcut)
        fparam = self.default_fparam if fparam is None else fparam
        frame = read_parameters("fparam", fparam, (self.facts.fparam,))
        atoms = read_parameters("aparam", aparam, (len(atype), self.facts.aparam))
        nlist, overflow = format_nlist(ext, neighbor_rows(ext, self.rcut), self.sel)
        self._warn_overflow(overflow)

        atom_energy = np.zeros(ext.nloc)
        force, atom_virial = np.zeros((ext.nall, 3)), np.zeros((ext.nall, 3, 3))
        for rows in self._blocks(ext.nloc):
            out = self(
                torch.from_numpy(ext.coord),
                torch.from_numpy(ext.atype),
                torch.from_numpy(nlist[rows]),
                None if frame is None else torch.from_numpy(frame),
                None if atoms is None else torch.from_numpy(atoms[rows]),
                rows.start,
            )
            atom_energy[rows] = out["atom_energy"].detach().numpy()
            force += out["force"].detach().numpy()
            atom_virial += out["atom_virial"].detach().numpy()
        return {
            "energy": float(atom_energy.sum()),
            "force": fold(ext.owner, force, ext.nloc),
            "virial": atom_virial.sum(axis=0),
            "atom_energy": atom_energy,
            "atom_virial": fold(ext.owner, atom_virial, ext.nloc),
        }

    def lower(self, name: str = "model") -> Program:
        """The same function as a program of the IR: the energy graph, over padded lists."""
        return lower(self, name)

    def _blocks(self, nloc: int) -> Iterator[slice]:
        """Runs of local atoms whose embeddings fit the memory together."""
        per_atom = max(1, sum(self.sel)) * max(1, self.descriptor.width)
        step = max(1, BLOCK // per_atom)
        return (slice(i, min(i + step, nloc)) for i in range(0, nloc, step))

    def _warn_overflow(self, overflow: int) -> None:
        if overflow and not self._warned:
            self._warned = True
            warnings.warn(
                f"{overflow} neighbours did not fit sel {list(self.sel)}: the nearest were kept, "
                "as in DeePMD-kit, but the energy jumps when they change. Train with a larger sel",
                stacklevel=3,
            )


def _module_name(name: str) -> str:
    """fitting.0.1.weight in files is fitting.nets.0.1.weight here."""
    kind, _, rest = name.partition(".")
    return f"fitting.nets.{rest}" if kind == "fitting" and rest[0].isdigit() else name


def _file_name(name: str) -> str:
    return name.replace("fitting.nets.", "fitting.", 1)


__all__ = ["Model", "load_model"]
