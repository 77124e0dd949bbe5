"""The local environment of each atom: displacements, smooth switch, environment matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Env:
    """What a descriptor sees of `n` atoms.

    r [n, nnei, 3] Å from the atom to the neighbour (0 for an empty slot), ti [n] and tj [n, nnei]
    types (an empty slot has the type of its block), found [n, nnei] whether the slot is taken.
    """

    r: Tensor
    ti: Tensor
    tj: Tensor
    found: Tensor


def exclude_neighbors(nlist: Tensor, ti: Tensor, tj: Tensor, keep: Tensor) -> Tensor:
    """Empty the slots whose (ti, tj) is not kept: keep [ntypes, ntypes] of bool."""
    return torch.where(keep[ti[:, None], tj], nlist, -1)


def kept_pairs(ntypes: int, exclude: tuple[tuple[int, int], ...]) -> Tensor:
    """keep [ntypes, ntypes]: False for the excluded pairs, in both orders."""
    keep = torch.ones(ntypes, ntypes, dtype=torch.bool)
    for a, b in exclude:
        keep[a, b] = keep[b, a] = False
    return keep


def displacement(coord: Tensor, nlist: Tensor, first: int = 0) -> Tensor:
    """r_ij = x_j - x_i [n, nnei, 3] of the atoms first, first + 1, …; 0 for empty slots."""
    centre = coord[first : first + len(nlist), None, :]
    r = coord[nlist.clamp(min=0)] - centre
    return torch.where((nlist >= 0)[..., None], r, torch.zeros((), dtype=coord.dtype))


def slot_types(sel: tuple[int, ...], n: int) -> Tensor:
    """The neighbour type of every slot, [n, sum(sel)]."""
    block = torch.repeat_interleave(torch.arange(len(sel)), torch.tensor(sel))
    return block.expand(n, -1)


def switch(distance: Tensor, rcut_smth: float, rcut: float) -> Tensor:
    """1 below rcut_smth, 0 above rcut, between them 1 - 10 u^3 + 15 u^4 - 6 u^5."""
    u = ((distance - rcut_smth) / (rcut - rcut_smth)).clamp(0.0, 1.0)
    return 1 + u**3 * (-10 + u * (15 - 6 * u))


def env_matrix(env: Env, mean: Tensor, std: Tensor, rcut: float, rcut_smth: float) -> Tensor:
    """Rows ((s, s x/r, s y/r, s z/r) - mean) / std, s = switch(r) / r: [n, nnei, 4].

    mean and std are [ntypes, 4], by the type of the atom. An empty slot is (0 - mean) / std.
    """
    one = torch.ones((), dtype=env.r.dtype)
    # 1 under the root of an empty slot: its gradient is 0, not 0 * inf
    squared = torch.where(env.found, env.r.square().sum(-1), one)
    distance = squared.sqrt()
    s = torch.where(env.found, switch(distance, rcut_smth, rcut) / distance, 0 * one)
    rows = torch.cat([s[..., None], (s / distance)[..., None] * env.r], dim=-1)
    return (rows - mean[env.ti][:, None, :]) / std[env.ti][:, None, :]
