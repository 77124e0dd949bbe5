"""Calibration samples: inputs on which passes measure what they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from dpc.ir.graph import Graph
from dpc.ir.types import Ragged

T = TypeVar("T")


class Sample(NamedTuple):
    """Evaluator inputs of one frame, padded: what `dpc.data.inputs.graph_inputs` returns.

    `owner` [nall] is the local atom that each atom is an image of, so that forces on images
    are added to it; None when there are no images.
    """

    inputs: Mapping[str, Any]
    owner: NDArray[np.int64] | None = None


def ragged_list(nlist: NDArray[np.int32]) -> Ragged:
    """A padded list [nloc, nnei] (-1: empty slot) as rows of real neighbours, order kept."""
    real = nlist >= 0
    offsets = np.concatenate([[0], np.cumsum(real.sum(axis=1))])
    return Ragged(nlist[real], offsets)


def inputs_for(graph: Graph, sample: Sample) -> dict[str, Any]:
    """The sample's inputs as the graph wants them: a padded list becomes ragged for `nnei~`."""
    inputs = dict(sample.inputs)
    for one in graph.inputs:
        given = inputs.get(one.label)
        if one.type.ragged and isinstance(given, np.ndarray):
            inputs[one.label] = ragged_list(given)
    return inputs


def fold(sample: Sample, array: NDArray[np.float64], nloc: int) -> NDArray[np.float64]:
    """What all atoms got, added to the local atoms they are images of: [nall, ..] to [nloc, ..]."""
    if sample.owner is None:
        return array
    local = np.zeros((nloc, *array.shape[1:]), array.dtype)
    np.add.at(local, sample.owner, array)
    return local


def held_out(of_samples: Sequence[T]) -> Sequence[T]:
    """Of one thing for each sample, those that no pass fits to: every other one.

    One sample alone is all there is.
    """
    return of_samples[1::2] or of_samples
