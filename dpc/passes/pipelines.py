"""The pipeline of every kind of target, as one table."""

from __future__ import annotations

from dpc.errors import UsageError, did_you_mean

PIPELINES = {
    "cpu": "canonicalize widen symmetrize tabulate differentiate exact_neighbors fuse memory",
    "onnx": "canonicalize widen differentiate",
}


def default_pipeline(kind: str) -> str:
    """The text of the pipeline of a kind of target, for `Pipeline.parse`."""
    if kind not in PIPELINES:
        raise UsageError(
            f"no pipeline for targets of kind {kind!r}.{did_you_mean(kind, PIPELINES)} "
            f"Known: {', '.join(PIPELINES)}"
        )
    return PIPELINES[kind]
