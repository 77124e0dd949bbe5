"""Raw arrays of a DeePMD-kit file to the tensors of a ModelFile.

Every format says where an array of ours is kept (`lookup`); the shapes DeePMD-kit gives it, and
the checks, are the same for all and live here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from dpc.errors import InputError, all_problems
from dpc.frontend.importers.options import resolve_precision
from dpc.frontend.model_file import ModelFile, expected_shapes

# our name -> (name in the file, array or None when the file does not hold it)
Lookup = Callable[[str], tuple[str, "np.ndarray | None"]]


def deepmd_net(k: int, ntypes: int, type_one_side: bool) -> int:
    """Place in DeePMD-kit's list of embedding net k; the map is its own inverse.

    With a net for each pair, DeePMD-kit counts centre + ntypes * neighbour, we count
    centre * ntypes + neighbour.
    """
    if type_one_side:
        return k
    centre, neighbor = divmod(k, ntypes)
    return centre + ntypes * neighbor


def assemble(
    config: dict[str, Any],
    lookup: Lookup,
    min_nbor_dist: Any,
    source: str,
    one_row: bool = False,
) -> ModelFile:
    """Fetch, reshape and check every tensor that the config asks for.

    With `one_row`, mean and std are stored as we keep them, [ntypes, 4].
    """
    problems: list[str] = []
    ntypes, nnei = len(config["type_map"]), sum(config["descriptor"]["sel"])
    tensors: dict[str, np.ndarray] = {}
    for name, shape in expected_shapes(config).items():
        there, raw = lookup(name)
        if raw is None:
            problems.append(f"tensor {there} {list(shape)} is missing")
            continue
        try:
            if not one_row and name in ("descriptor.mean", "descriptor.std"):
                tensors[name] = _one_row(raw, ntypes, nnei)
            else:
                tensors[name] = _fit(raw, shape)
        except ValueError as error:
            problems.append(f"tensor {there} ({name}) {error}")
    if problems:
        raise InputError(all_problems(source, problems))
    resolve_precision(config, tensors)
    distance = nearest_distance(min_nbor_dist, source)
    return ModelFile(config, tensors, distance).check(source)


def _fit(raw: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array in our shape; dims of length 1 may come and go, as in [1, ntypes, 1]."""
    if _plain(raw.shape) != _plain(shape):
        raise ValueError(f"has shape {list(raw.shape)}, but the config asks for {list(shape)}")
    return np.ascontiguousarray(raw).reshape(shape)


def _plain(shape: tuple[int, ...]) -> list[int]:
    return [n for n in shape if n != 1]


def _one_row(raw: np.ndarray, ntypes: int, nnei: int) -> np.ndarray:
    """[ntypes, nnei, 4] (or flat [ntypes, nnei * 4]) to [ntypes, 4].

    DeePMD-kit computes one row per type and repeats it over the neighbour slots.
    """
    if raw.shape not in ((ntypes, nnei, 4), (ntypes, nnei * 4)):
        raise ValueError(
            f"has shape {list(raw.shape)}, but the config asks for {[ntypes, nnei, 4]}"
        )
    slots = raw.reshape(ntypes, nnei, 4)
    first = slots[:, :1]
    if not np.isfinite(slots).all():
        raise ValueError("holds values that are not finite: the file is damaged")
    if not (slots == first).all():
        raise ValueError(
            "differs between neighbour slots. dpc supports one mean and one standard deviation "
            "for each type, which is what DeePMD-kit's own statistics give"
        )
    return np.ascontiguousarray(first[:, 0])


def nearest_distance(value: Any, source: str) -> float | None:
    """min_nbor_dist in Å; DeePMD-kit writes nothing or -1 when it is not known."""
    if value is None:
        return None
    try:
        distance = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        distance = math.nan
    if distance == -1.0:
        return None
    if not math.isfinite(distance) or distance <= 0:
        raise InputError(
            f"{source}: min_nbor_dist is {value!r}, but must be a positive distance in Å, "
            "or -1 when it is not known"
        )
    return distance
