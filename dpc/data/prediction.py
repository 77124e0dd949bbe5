"""A model or a package on the frames of a data system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from dpc.data.frames import Frame
from dpc.data.inputs import Facts
from dpc.data.system import Labels, System
from dpc.errors import InputError


class Potential(Protocol):
    """What frontend.Model and md.Potential share."""

    type_map: tuple[str, ...]

    @property
    def facts(self) -> Facts: ...

    def evaluate(
        self,
        coord: ArrayLike,
        types: ArrayLike,
        cell: ArrayLike | None = None,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
    ) -> dict[str, Any]: ...


def predictions(
    model: Potential, system: System, chosen: ArrayLike | None = None
) -> Iterator[tuple[Frame, Labels, dict[str, Any]]]:
    """Each frame, its labels, and what the model says of it."""
    places = np.arange(len(system)) if chosen is None else np.asarray(chosen)
    frames = system.frames(model.type_map, *parameters_of(model, system), places)
    for place, (frame, labels) in zip(places, frames, strict=True):
        try:
            found = evaluate(model, frame)
        except InputError as error:
            raise InputError(f"{system.where}, frame {place} (counted from 0): {error}") from error
        yield frame, labels, found


def evaluate(model: Potential, frame: Frame) -> dict[str, Any]:
    """What the model says of a frame in its own types."""
    return model.evaluate(
        frame.coord, frame.atype, frame.cell, fparam=frame.fparam, aparam=frame.aparam
    )


def parameters_of(model: Potential, system: System) -> tuple[int, int]:
    """Numbers of frame and atomic parameters to read from the data."""
    fparam, aparam = model.facts.fparam, model.facts.aparam
    has_default = getattr(model, "default_fparam", None) is not None
    return 0 if has_default and not system.has("fparam") else fparam, aparam
