"""The section `circuit` of a model that was trained in fixed point, as dpc train writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.config.values import Wrong, count, number

CIRCUIT = "circuit"
OPTIONS = ("weight_bits", "row_bits", "max_neighbors")


def circuit(value: Any) -> dict[str, Any]:
    """Options of the circuit, and `ranges`: the largest |x| of every column, by signal."""
    if not isinstance(value, Mapping) or not isinstance(value.get("ranges"), Mapping):
        raise Wrong("must be a section with ranges, as dpc train --target writes it")
    if set(value) != {*OPTIONS, "ranges"}:
        raise Wrong(f"must hold {', '.join(OPTIONS)} and ranges, and nothing else")
    found: dict[str, Any] = {name: count(value[name]) for name in OPTIONS}
    for name, row in value["ranges"].items():
        if not isinstance(row, list) or not row:
            raise Wrong(f"must hold a list of numbers as ranges.{name}")
    ranges = {str(name): [number(v) for v in row] for name, row in value["ranges"].items()}
    return {**found, "ranges": ranges}
