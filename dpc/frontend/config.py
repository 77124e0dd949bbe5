"""Dataclasses filled from the sections of a model's config."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import torch

from dpc.errors import InputError, did_you_mean

T = TypeVar("T")
PRECISION = {"float64": torch.float64, "float32": torch.float32}


def frozen(value: Any) -> Any:
    """Lists, at any depth, to tuples."""
    return tuple(frozen(v) for v in value) if isinstance(value, list | tuple) else value


def fill(kind: type[T], section: dict[str, Any], where: str) -> T:
    """A config dataclass from a section; unknown options and missing ones are errors."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {k: frozen(v) for k, v in section.items() if k != "type"}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise InputError(
            f"{where}.{unknown[0]}: no such option.{did_you_mean(unknown[0], list(fields))}"
        )
    missing = [
        n
        for n, f in fields.items()
        if n not in given
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise InputError(f"{where}: the option {missing[0]} is missing")
    return kind(**given)


def dtype_of(precision: str, where: str) -> torch.dtype:
    """The torch type of DeePMD-kit's `precision`."""
    name = "float64" if precision == "default" else precision
    if name not in PRECISION:
        raise InputError(f"{where}.precision '{precision}': dpc knows {' '.join(PRECISION)}")
    return PRECISION[name]
