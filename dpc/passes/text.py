"""The text form of passes: ``tabulate{stride=0.02} differentiate fuse``.

Options stand in braces, separated by commas or blanks. A bare option name means true.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from typing import Any, Union

from dpc.errors import UsageError, did_you_mean
from dpc.passes.base import Pass, passes

_PASS = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(\{([^{}]*)\})?")


def parse_passes(text: str) -> tuple[Pass, ...]:
    """The passes a text names, in its order."""
    found: list[Pass] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _PASS.match(text, at)
        if match is None:
            rest = text[at:].split()[0]
            raise UsageError(
                f"pipeline '{text.strip()}': '{rest}' is not a pass. Write passes separated by "
                "blanks, options in braces: tabulate{stride=0.02} differentiate"
            )
        found.append(make_pass(match[1], match[3] or ""))
        at = match.end()
    return tuple(found)


def make_pass(name: str, options: str = "") -> Pass:
    """A pass from its name and the text between its braces."""
    cls = passes.get(name)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for item in re.split(r"[,\s]+", re.sub(r"\s*=\s*", "=", options.strip())):
        key, equals, value = item.partition("=")
        if not key and not equals:
            continue
        if key not in fields:
            choices = f" Options: {' '.join(fields)}" if fields else " It takes none."
            problems.append(
                f"{name}{{{item}}}: no option '{key}'.{did_you_mean(key, fields)}{choices}"
            )
            continue
        try:
            values[key] = _read(hints[key], value if equals else "true")
        except ValueError as error:
            problems.append(f"{name}{{{item}}}: {error}")
    if problems:
        raise UsageError("\n".join(problems))
    return cls(**values)


def print_pass(one: Pass) -> str:
    """The text `parse_passes` reads back: options that are not at their default."""
    shown = [
        f"{f.name}={_write(getattr(one, f.name))}"
        for f in dataclasses.fields(one)
        if getattr(one, f.name) != f.default
    ]
    return one.name + (f"{{{', '.join(shown)}}}" if shown else "")


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else repr(value) if isinstance(value, float) else str(value)


def _read(hint: Any, text: str) -> Any:
    """A value of the annotated type; `ValueError` says what was expected."""
    optional = typing.get_origin(hint) in (Union, types.UnionType)
    if optional:
        if text in ("none", "auto"):
            return None
        hint = next(h for h in typing.get_args(hint) if h is not type(None))
    if hint is bool:
        if text not in ("true", "false"):
            raise ValueError(f"expected true or false, not '{text}'")
        return text == "true"
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            kind = "a whole number" if hint is int else "a number"
            raise ValueError(f"expected {kind}, not '{text}'") from None
    return text
