"""Readers of single option values; each raises `Wrong` with what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

# Counts and widths above these are damage, not models; they keep a bad file from filling memory.
MAX_WIDTH = 1 << 20
MAX_TYPES = 1 << 10

Reader = Callable[[Any], Any]


class Wrong(Exception):
    """The value of an option is not what it must be; the text continues "is 3, but …"."""


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def number(value: Any) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, int | float):
            if math.isfinite(result := float(value)):
                return result
    except OverflowError:  # a whole number beyond all floats
        pass
    raise Wrong("must be a finite number")


def positive(value: Any) -> float:
    if number(value) <= 0:
        raise Wrong("must be larger than 0")
    return float(value)


def optional_number(value: Any) -> float | None:
    return None if value is None else number(value)


def count(value: Any) -> int:
    """A number of things: 0 and more."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WIDTH:
        raise Wrong(f"must be a whole number from 0 to {MAX_WIDTH}")
    return value


def integers(value: Any) -> list[int]:
    """Widths or neighbour numbers: a list of positive integers."""
    if not isinstance(value, list) or not value:
        raise Wrong("must be a list of whole numbers")
    if any(count(v) == 0 for v in value):
        raise Wrong("must hold numbers larger than 0")
    return list(value)


def neighbor_numbers(value: Any) -> list[int]:
    """`sel`: neighbours of each type, at least one in all."""
    if not isinstance(value, list) or not value:
        raise Wrong("must be a list of whole numbers, one for each type")
    if not 0 < sum(count(v) for v in value) <= MAX_WIDTH:
        raise Wrong("must leave room for neighbours")
    return list(value)


def types(value: Any) -> list[int]:
    """A list of atom types; null is the empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Wrong("must be a list of types")
    return [count(v) for v in value]


def pairs(value: Any) -> list[list[int]]:
    """A list of pairs of atom types; null is the empty list."""
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise Wrong("must be a list of pairs of types")
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Wrong("must be a list of pairs of types, such as [[0, 1]]")
    return [[count(v) for v in pair] for pair in value]


def name_of(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("must be a name")
    return value


def names(value: Any) -> list[str]:
    """The type map: different, non-empty names."""
    if not isinstance(value, list) or not value or len(value) > MAX_TYPES:
        raise Wrong("must be a list of type names")
    if any(not name_of(v) for v in value) or len(set(value)) != len(value):
        raise Wrong("must hold different, non-empty names")
    return list(value)


def any_seed(value: Any) -> int | list[int] | None:
    """A whole number, a list of them, or null."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, list) and all(isinstance(v, int) for v in value):
        return list(value)
    raise Wrong("must be a whole number or null")


def whole(value: Any) -> int:
    """A number of steps or frames: at least 1, as a whole float too (1e6)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Wrong("must be a whole number, 1 or larger")
    return value


def whole_or_zero(value: Any) -> int:
    """As `whole`, or 0."""
    return 0 if value == 0 and not isinstance(value, bool) else whole(value)


def not_negative(value: Any) -> float:
    if number(value) < 0:
        raise Wrong("must be 0 or larger")
    return float(value)


def fraction(value: Any) -> float:
    if not 0 <= number(value) <= 1:
        raise Wrong("must be between 0 and 1")
    return float(value)


def one_of(*allowed: str) -> Reader:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in allowed:
            raise Wrong(f"must be {' or '.join(allowed)}")
        return str(value)

    return read


def optional(read: Reader) -> Reader:
    """What `read` takes, or null."""
    return lambda value: None if value is None else read(value)


def list_or_one(read: Reader) -> Reader:
    """A list of what `read` takes, or one of it alone."""

    def each(value: Any) -> list[Any]:
        return [read(v) for v in (value if isinstance(value, list) else [value])]

    return each


def section(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("must be a section { … }")
    return value
