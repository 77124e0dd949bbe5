"""The pipeline of every kind of target, as one table, and how options of a compile change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from dpc.errors import UsageError, did_you_mean
from dpc.passes.base import Pass
from dpc.passes.pipeline import Pipeline
from dpc.passes.text import parse_passes
from dpc.targets import Target

# the rows of 90 neighbours alone cost about 80 kflop: less than that is not worth an error
_COMPILED = (
    "canonicalize widen symmetrize basis{least_saving=50000.0} fold tabulate "
    "differentiate exact_neighbors fuse memory"
)

PIPELINES = {
    "cpu": _COMPILED,
    "cuda": _COMPILED,
    "opencl": _COMPILED,
    "rocm": _COMPILED,
    "onnx": "canonicalize widen differentiate",
    "fpga": "canonicalize widen symmetrize basis{folded} fold quantize",
}

PRECISIONS = {"f64": "", "f32": "cast", "mixed": "cast{bf16}"}
"""What stands before differentiate in each precision."""

FORCE_ERRORS = {"f32": 1e-5, "mixed": 1e-3}
"""What a compile may change forces by, eV/Å rms, unless it is told."""

FIXED_FORCE_ERROR = 1e-4
"""The same for circuits: the 18-bit weights and rows of the fixed point use about half of it."""

COMPRESSION = {"f64": 1.0, "f32": 0.8, "mixed": 0.1, "fixed": 0.2}
"""The part of that which compression may use: rounding takes the rest."""


def default_pipeline(kind: str) -> str:
    """The text of the pipeline of a kind of target, for `Pipeline.parse`."""
    if kind not in PIPELINES:
        raise UsageError(
            f"no pipeline for targets of kind {kind!r}.{did_you_mean(kind, PIPELINES)} "
            f"Known: {', '.join(PIPELINES)}"
        )
    return PIPELINES[kind]


def choose_pipeline(
    target: Target,
    text: str | None = None,
    precision: str = "f64",
    max_force_error: float | None = None,
) -> Pipeline:
    """The passes of a text, or the target's own, in a precision and within an error of forces.

    `max_force_error`, eV/Å rms, goes to every pass that has such an option and does not say
    otherwise in the text.
    """
    if precision not in PRECISIONS:
        hint = did_you_mean(precision, PRECISIONS)
        raise UsageError(
            f"precision {precision!r}: no such precision.{hint} Known: {', '.join(PRECISIONS)}"
        )
    if max_force_error is not None and not max_force_error > 0:
        raise UsageError(f"max_force_error is {max_force_error}, but must be positive, in eV/Å")
    passes = list(parse_passes(default_pipeline(target.kind) if text is None else text))
    names = [one.name for one in passes]
    if PRECISIONS[precision] and "cast" not in names:
        if "differentiate" not in names:
            raise UsageError(
                f"precision {precision}: '{text}' has no differentiate, before which numbers are "
                f"rounded. Put {PRECISIONS[precision]} where you want it"
            )
        place = names.index("differentiate")
        passes[place:place] = parse_passes(PRECISIONS[precision])
    own: dict[str, Any] = {
        "tile": max(level.tile_atoms(_format(precision)) for level in target.levels)
    }
    if target.kind == "fpga":
        whole = max_force_error or FIXED_FORCE_ERROR
        own["max_force_error"] = float(f"{COMPRESSION['fixed'] * whole:.6g}")
    elif precision != "f64" or max_force_error is not None:  # f64: every pass has its own default
        whole = max_force_error or FORCE_ERRORS[precision]
        own["max_force_error"] = float(f"{COMPRESSION[precision] * whole:.6g}")
    return Pipeline(tuple(_with(one, own) for one in passes))


def _with(one: Pass, values: Mapping[str, Any]) -> Pass:
    """A pass with these values for the options it has and that are at their default."""
    options = {
        f.name: values[f.name]
        for f in fields(one)
        if f.name in values and getattr(one, f.name) == f.default
    }
    return replace(one, **options)


def _format(precision: str) -> str:
    return "float64" if precision == "f64" else "float32"
